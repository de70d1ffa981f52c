#ifndef SYMO_EXPERIMENTS_MODELS_NETWORK_OPTIONS_H
#define SYMO_EXPERIMENTS_MODELS_NETWORK_OPTIONS_H

#include "experiments/inputs/tensors.h"
#include "experiments/models/network_spec.h"

/* The options that say which network, data, groups and parameters: the same for every command that
 * takes them. */

#define NETWORK_ROWS                                                                               \
  {.name = "net",                                                                                  \
   .arg = "NET",                                                                                   \
   .kind = CLI_STRING,                                                                             \
   .help = "Widths, input first (64-32-10); rnn:8-16-10: steps of 8, a recurrent layer of 16, "    \
           "outputs "                                                                              \
           "from the last step; conv:8x8x1-c8k3-p2-10: image, 8 channels with kernel 3 (k3c: "     \
           "circular), average over 2 x 2 (m2: maximum), outputs; ln, rms, res-...-add anywhere; " \
           "gpt:v65-t8-c8-h2-l1: a transformer (vocabulary, positions, width, heads, blocks); "    \
           "default: 64-32-10 for digits, 3-64-2 for teacher, else one hidden layer of 32"},       \
      {.name = "act",                                                                              \
       .kind = CLI_CHOICE,                                                                         \
       .arg = "NAME",                                                                              \
       .choices = "tanh|relu|gelu|gelu-tanh|linear",                                               \
       .fallback = "tanh",                                                                         \
       .help = "Activation between the layers; transformers take gelu if it is not given"},        \
      {.name = "loss",                                                                             \
       .kind = CLI_CHOICE,                                                                         \
       .arg = "NAME",                                                                              \
       .choices = "mse|cross-entropy",                                                             \
       .help =                                                                                     \
           "Loss; default: mse for teacher and for targets that are numbers, else cross-entropy"}, \
      {.name = "no-bias", .kind = CLI_FLAG, .help = "Leave the biases out"},                       \
      {.name = "data",                                                                             \
       .kind = CLI_STRING,                                                                         \
       .arg = "DATA",                                                                              \
       .fallback = "digits",                                                                       \
       .help = "digits, teacher, teacher:WIDTHS, a CSV file, or an MNIST idx file or directory; "  \
               "for a transformer a text, or teacher: a random Markov chain"},                     \
      {.name = "label",                                                                            \
       .kind = CLI_STRING,                                                                         \
       .arg = "COLUMN",                                                                            \
       .help = "Label column of a CSV file, by name or number from 0; default: the last"},         \
      CLI_HEADER_ROW,                                                                              \
      {.name = "task",                                                                             \
       .kind = CLI_CHOICE,                                                                         \
       .arg = "WHAT",                                                                              \
       .choices = "auto|classes|regression",                                                       \
       .fallback = "auto",                                                                         \
       .help =                                                                                     \
           "What the targets are. auto: digits and images are classes. Teachers and CSV files "    \
           "are "                                                                                  \
           "classes with --loss cross-entropy and numbers with --loss mse. Without --loss, "       \
           "teachers "                                                                             \
           "give numbers, and the labels of a CSV file are classes if they are words, or whole "   \
           "numbers with 2 to 100 different values and at most half as many values as examples"},  \
      {.name = "standardize",                                                                      \
       .kind = CLI_FLAG,                                                                           \
       .help = "Shift and scale the inputs to mean 0 and variance 1"},                             \
      {.name = "target-scale",                                                                     \
       .kind = CLI_DOUBLE,                                                                         \
       .arg = "S",                                                                                 \
       .min = 0,                                                                                   \
       .max = 1e9,                                                                                 \
       .fallback = "1",                                                                            \
       .help = "Multiply targets that are numbers by S"},                                          \
      {.name = "examples",                                                                         \
       .kind = CLI_INT,                                                                            \
       .arg = "N",                                                                                 \
       .min = 1,                                                                                   \
       .max = 1e9,                                                                                 \
       .help =                                                                                     \
           "Take N examples at random (teacher: make N; of tokens the first N windows; default "   \
           "1000)"},                                                                               \
      {.name = "init-scale",                                                                       \
       .kind = CLI_DOUBLE,                                                                         \
       .arg = "S",                                                                                 \
       .min = 0,                                                                                   \
       .max = 1e6,                                                                                 \
       .fallback = "0.1",                                                                          \
       .help = "Standard deviation of the initial weights and biases"},                            \
      {.name = "weights",                                                                          \
       .kind = CLI_STRING,                                                                         \
       .arg = "FILE",                                                                              \
       .help =                                                                                     \
           "Take weights and biases from this safetensors file, not at random: "                   \
           "theta.safetensors, "                                                                   \
           "a checkpoint of symo train, or a GPT-2 with nanoGPT's or Hugging Face's names (needs " \
           "no --net)"},                                                                           \
      {.name = "train-steps",                                                                      \
       .kind = CLI_INT,                                                                            \
       .arg = "N",                                                                                 \
       .min = 0,                                                                                   \
       .max = 1e9,                                                                                 \
       .fallback = "0",                                                                            \
       .help = "Steps of full-batch Adam before anything is measured"},                            \
  {                                                                                                \
    .name = "train-lr", .kind = CLI_DOUBLE, .arg = "R", .min = 0, .max = 1e3, .fallback = "0.01",  \
    .help = "Learning rate of that training"                                                       \
  }

#define NETWORK_GROUPS_ROW                                                                         \
  {                                                                                                \
    .name = "groups", .kind = CLI_STRING, .arg = "GROUPS", .fallback = "auto",                     \
    .help =                                                                                        \
        "auto (what is exact for the activation), one group for all hidden spaces (a name, or "    \
        "with parameters: \"scaling(1, permute)\", \"wreath(4, orthogonal 4)\"), for a "           \
        "transformer several by kind of space (\"heads=permutation; qk=orthogonal; "               \
        "mlp=identity\"), or a layout file or text"                                                \
  }

#define NETWORK_SEED_ROW(OF)                                                                       \
  {                                                                                                \
    .name = "seed", .kind = CLI_INT, .arg = "S", .min = 0, .max = 9e15, .fallback = "1",           \
    .help = OF                                                                                     \
  }

#define NETWORK_DTYPE_ROW                                                                          \
  {                                                                                                \
    .name = "dtype", .kind = CLI_CHOICE, .arg = "TYPE", .choices = "f32|f64", .fallback = "f64",   \
    .help = "Number type of the network and the estimates; exact matrices are always float64"      \
  }

/* These and `seed` into *spec, everything else there zero.  Exit code, after the error line. */
int network_spec_read(cli *c, network_spec *spec);

#endif
