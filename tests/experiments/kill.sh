#!/usr/bin/env bash
# A few of the kills of `make test-kill`.
KILLS=${KILLS:-12} exec bash "$SOURCE/tests/kill.sh"
