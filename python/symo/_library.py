"""The shared library: its structs and functions, errors, and vectors over arrays."""

from __future__ import annotations

import collections
import ctypes
import operator
import os
import pathlib
import sys
import tempfile
import threading
import weakref
from ctypes import (
    byref,
    c_bool,
    c_char_p,
    c_double,
    c_int,
    c_size_t,
    c_ssize_t,
    c_uint64,
    c_void_p,
)
from typing import TYPE_CHECKING, Any, Dict, Mapping, Sequence, Union

import numpy as np

if TYPE_CHECKING:
    from .layout import Layout

# Vectors over the tensors of a layout: flat, by name, or in order; numpy arrays or torch tensors.
Arrays = Union[np.ndarray, Mapping[str, Any], Sequence[Any]]
LayoutLike = Union["Layout", str, "os.PathLike[str]", Dict[str, Any]]
Path = Union[str, "os.PathLike[str]"]


class Error(Exception):
    """What the library refused.

    Attributes
    ----------
    status : int
        The status of the C interface; negative where the caller, the input or the machine is at
        fault, positive where the operation is not possible with these numbers.
    name : str
        Its name, as ``"SYMO_E_SHAPE"``.
    text : str
        The sentence that says what went wrong and where.
    """

    def __init__(self, status, name, text):
        super().__init__(status, name, text)
        self.status, self.name, self.text = status, name, text

    def __str__(self):
        return f"{self.text} ({self.name})"


def refuse(name, text):
    """Raises the error that the library would give, for what it is never asked."""
    raise Error(STATUS[name], name, text)


def count(value, what, least=0):
    """A whole number for the library, which would take a negative one for a very large one."""
    try:
        n = operator.index(value)
    except TypeError:
        refuse("SYMO_E_ARGUMENT", f"{what}: is {value!r} (give a whole number)")
    if not least <= n < 2**63:
        refuse("SYMO_E_ARGUMENT", f"{what}: is {n} (give {least} or more)")
    return n


F32, F64 = 1, 2
DTYPES: dict[int, np.dtype[Any]] = {F32: np.dtype("f4"), F64: np.dtype("f8")}
NAMES = {F32: "f32", F64: "f64"}


def _find():
    named = os.environ.get("SYMO_LIBRARY")
    if named:
        return named
    name = "libsymo.dylib" if sys.platform == "darwin" else "libsymo.so"
    path = pathlib.Path(__file__).resolve().parent / name
    if not path.is_file():
        raise ImportError(
            f"symo: error: {path}: is not there (pip install the folder python/ of libsymo, or let "
            "SYMO_LIBRARY name a libsymo.so)"
        )
    return str(path)


lib = ctypes.CDLL(_find())


def _of(kind: Any, names: str) -> list[Any]:
    """Fields of one kind."""
    return [(name, kind) for name in names.split()]


class Vector(ctypes.Structure):
    _fields_ = [("dtype", c_int), ("data", c_void_p), ("strides", c_void_p)]


class PlanSpec(ctypes.Structure):
    _fields_ = [("dtype", c_int), ("coupling", c_int), ("centered", c_bool)]


class EstimateSpec(ctypes.Structure):
    _fields_ = [("estimator", c_void_p), ("damping", c_double), ("scale", c_bool)]


class StepSeconds(ctypes.Structure):
    _fields_ = _of(c_double, "gradient update statistics roots direction solve trial")


class StepReport(ctypes.Structure):
    _fields_ = (
        [("step", c_uint64), ("accepted", c_bool)]
        + _of(c_double, "lr damping reduction_ratio gradient_norm update_norm")
        + _of(c_double, "worst_condition effective_rank")
        + [
            (k, c_uint64)
            for k in "refreshes kept_roots failed_roots refused_steps rejected_steps".split()
        ]
        + [("cg_iterations", c_uint64), ("measured_alphas", c_uint64), ("seconds", StepSeconds)]
    )


class Problem(ctypes.Structure):
    """symo_problem; slots that are left out are NULL."""

    _fields_ = (
        [("name", c_char_p), ("size", c_size_t), ("dtype", c_int), ("self", c_void_p)]
        + _of(c_void_p, "loss gradient hvp ggn hessian")
        + [("num_sites", c_size_t), ("sites", c_void_p), ("factors", c_void_p)]
        + _of(c_void_p, "rows row_residual row_product row_transposed")
        + [("sampled_gradient", c_void_p), ("hold", c_void_p)]
        + [(k, c_void_p) for k in "examples example_gradients fisher".split()]
        + [(k, c_void_p) for k in "example_product example_transposed".split()]
    )


class Operator(ctypes.Structure):
    _fields_ = [
        ("name", c_char_p),
        ("size", c_size_t),
        ("dtype", c_int),
        ("self", c_void_p),
        ("product", c_void_p),
    ]


class LowrankSpec(ctypes.Structure):
    _fields_ = [
        ("products", c_size_t),
        ("rank", c_size_t),
        ("probes", c_size_t),
        ("absolute", c_bool),
        ("prior", c_void_p),
        ("strength", c_double),
    ]


class LowrankCost(ctypes.Structure):
    _fields_ = _of(c_size_t, "rank probes iteration products") + _of(
        c_double, "prior_scale stored_numbers work_numbers"
    )


class FactorSite(ctypes.Structure):
    _fields_ = _of(c_size_t, "weight bias outputs inputs") + [("table", c_bool)]


class FactorSums(ctypes.Structure):
    _fields_ = (
        [("dtype", c_int), ("sharing", c_int), ("bias", c_bool)]
        + _of(c_size_t, "input_columns output_columns")
        + _of(c_void_p, "input_tests output_tests input_basis output_basis")
        + _of(c_void_p, "inputs outputs moments")
        + _of(c_double, "input_count output_count input_trace output_trace")
    )


class FactorRows(ctypes.Structure):
    _fields_ = (
        [("examples", c_size_t), ("repeats", c_size_t), ("repeats_first", c_bool)]
        + _of(c_void_p, "inputs indices outputs")
        + [("known", c_bool), ("counted", c_bool)]
    )


class Generators(ctypes.Structure):
    _fields_ = _of(c_size_t, "dim num_permutations num_matrices num_lie") + _of(
        c_void_p, "permutations matrices lie"
    )


class Irrep(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char * 32),
        ("dim", c_size_t),
        ("type", c_int),
        ("multiplicity", c_size_t * 3),
    ]


class GroupOps(ctypes.Structure):
    _fields_ = (
        [("size", c_size_t), ("name", c_char_p), ("summary", c_char_p), ("exact", c_char_p)]
        + [("self", c_void_p), ("max_axes", c_int), ("accept", c_void_p)]
        + _of(c_void_p, "num_irreps irrep analyze synthesize sample")
        + [("generators", c_void_p), ("destroy", c_void_p)]
    )


class StateEntry(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char * 254),
        ("dtype", c_int),
        ("order", c_size_t),
        ("shape", c_size_t * 8),
        ("data", c_void_p),
    ]


class SymmetrySpec(ctypes.Structure):
    _fields_ = [("samples", c_size_t), ("exact", c_double), ("approximate", c_double)]


class SymmetryRow(ctypes.Structure):
    _fields_ = [
        ("space", c_size_t),
        ("verdict", c_int),
        ("elements", c_size_t),
        ("loss", c_double),
        ("gradient", c_double),
        ("defect", c_double),
        ("elsewhere", c_double),
        ("elsewhere_size", c_double),
        ("tensors", ctypes.POINTER(c_double)),
        ("tensor", c_size_t),
    ]


class SymmetryReport(ctypes.Structure):
    _fields_ = [
        ("verdict", c_int),
        ("num_rows", c_size_t),
        ("rows", ctypes.POINTER(SymmetryRow)),
        ("num_tensors", c_size_t),
        ("loss", c_double),
        ("gradient", c_double),
        ("loss_nearby", c_bool),
        ("gradient_nearby", c_bool),
        ("exact", c_double),
        ("approximate", c_double),
    ]


# Each struct and its name in C; a test holds sizes and places of all fields against the headers.
STRUCTS = {
    "symo_vector": Vector,
    "symo_plan_spec": PlanSpec,
    "symo_estimate_spec": EstimateSpec,
    "symo_step_seconds": StepSeconds,
    "symo_step_report": StepReport,
    "symo_problem": Problem,
    "symo_operator": Operator,
    "symo_lowrank_spec": LowrankSpec,
    "symo_lowrank_cost": LowrankCost,
    "symo_factor_site": FactorSite,
    "symo_factor_sums": FactorSums,
    "symo_factor_rows": FactorRows,
    "symo_generators": Generators,
    "symo_group_irrep": Irrep,
    "symo_group_ops": GroupOps,
    "symo_state_entry": StateEntry,
    "symo_symmetry_spec": SymmetrySpec,
    "symo_symmetry_row": SymmetryRow,
    "symo_symmetry_report": SymmetryReport,
}

_P, _S, _Z, _D, _I, _B = c_void_p, c_char_p, c_size_t, c_double, c_int, c_bool

# The functions in use: what they return, and what they take.  A status is an int.
_FUNCTIONS = {
    "symo_version": (_S, []),
    "symo_build_info": (_S, []),
    "symo_strerror": (_S, [_I]),
    "symo_status_name": (_S, [_I]),
    "symo_set_threads": (_I, [_I]),
    "symo_get_threads": (_I, []),
    "symo_free": (None, [_P]),
    "symo_context_create": (_I, [_P]),
    "symo_context_destroy": (None, [_P]),
    "symo_context_detail": (_S, [_P]),
    "symo_rng_create": (_I, [_P, c_uint64, _P]),
    "symo_rng_destroy": (None, [_P]),
    "symo_layout_open": (_I, [_P, _S, _P]),
    "symo_layout_from_json": (_I, [_P, _S, _P]),
    "symo_graph_layout": (_I, [_P, _S, _D, _P, _P]),
    "symo_layout_destroy": (None, [_P]),
    "symo_layout_to_json": (_I, [_P, _P]),
    "symo_layout_to_text": (_I, [_P, _P]),
    "symo_layout_dtype": (_I, [_P]),
    "symo_layout_num_spaces": (_Z, [_P]),
    "symo_layout_num_tensors": (_Z, [_P]),
    "symo_layout_num_parameters": (_Z, [_P]),
    "symo_layout_space_name": (_S, [_P, _Z]),
    "symo_layout_space_dim": (_Z, [_P, _Z]),
    "symo_layout_space_group": (_P, [_P, _Z]),
    "symo_layout_tensor_name": (_S, [_P, _Z]),
    "symo_layout_tensor_order": (_Z, [_P, _Z]),
    "symo_layout_tensor_offset": (_Z, [_P, _Z]),
    "symo_layout_tensor_size": (_Z, [_P, _Z]),
    "symo_layout_axis_dim": (_Z, [_P, _Z, _Z]),
    "symo_group_name": (_S, [_P]),
    "symo_estimator_find": (_P, [_S]),
    "symo_estimator_count": (_Z, []),
    "symo_estimator_at": (_P, [_Z]),
    "symo_estimator_name": (_S, [_P]),
    "symo_estimator_coupling": (_I, [_P]),
    "symo_plan_create": (_I, [_P, _P, _P]),
    "symo_plan_destroy": (None, [_P]),
    "symo_plan_dtype": (_I, [_P]),
    "symo_plan_layout": (_P, [_P]),
    "symo_plan_describe": (_I, [_P, _P]),
    "symo_estimate": (_I, [_P, _P, _Z, _P, _P, _P]),
    "symo_hessian_destroy": (None, [_P]),
    "symo_hessian_plan": (_P, [_P]),
    "symo_hessian_name": (_S, [_P]),
    "symo_hessian_eigenvalues": (_I, [_P, _P, _P, _P]),
    "symo_hessian_trace": (_D, [_P]),
    "symo_hessian_frobenius": (_D, [_P]),
    "symo_hessian_logdet": (_I, [_P, _D, _P]),
    "symo_hessian_diagonal": (_I, [_P, Vector]),
    "symo_hessian_block": (_I, [_P, _Z, _Z, _P]),
    "symo_hessian_dense": (_I, [_P, _P]),
    "symo_hessian_describe": (_I, [_P, _P]),
    "symo_hessian_matvec": (_I, [_P, Vector, Vector]),
    "symo_hessian_solve": (_I, [_P, _D, Vector, Vector]),
    "symo_hessian_power": (_I, [_P, _D, _D, _P]),
    "symo_hessian_sqrt": (_I, [_P, _D, _P]),
    "symo_hessian_invsqrt": (_I, [_P, _D, _P]),
    "symo_hessian_abs": (_I, [_P, _P]),
    "symo_hessian_transport": (_I, [_P, _P, _P]),
    "symo_hessian_sample": (_I, [_P, _D, _P, Vector]),
    "symo_hessian_write": (_I, [_P, _S]),
    "symo_hessian_read": (_I, [_P, _S, _P]),
    "symo_hessian_file_is_lowrank": (_I, [_P, _S, _P]),
    "symo_estimate_probes": (_I, [_P, _I, _Z, _P, _P, _P]),
    "symo_lowrank_create": (_I, [_P, _Z, _P, _P, _P]),
    "symo_lowrank_destroy": (None, [_P]),
    "symo_lowrank_estimate": (_I, [_P, _P, _P, _P, _P, _P]),
    "symo_lowrank_rest": (_P, [_P]),
    "symo_lowrank_rank": (_Z, [_P]),
    "symo_lowrank_values": (_P, [_P]),
    "symo_lowrank_vectors": (_P, [_P]),
    "symo_lowrank_abs": (_I, [_P, _P]),
    "symo_lowrank_trace": (_D, [_P]),
    "symo_lowrank_frobenius": (_D, [_P]),
    "symo_lowrank_logdet": (_I, [_P, _D, _P]),
    "symo_lowrank_diagonal": (_I, [_P, Vector]),
    "symo_lowrank_dense": (_I, [_P, _P]),
    "symo_lowrank_matvec": (_I, [_P, Vector, Vector]),
    "symo_lowrank_solve": (_I, [_P, _D, Vector, Vector]),
    "symo_lowrank_power": (_I, [_P, _D, _D, Vector, Vector]),
    "symo_lowrank_sample": (_I, [_P, _D, _P, Vector]),
    "symo_lowrank_describe": (_I, [_P, _P]),
    "symo_lowrank_write": (_I, [_P, _S]),
    "symo_lowrank_read": (_I, [_P, _S, _P]),
    "symo_factor_sums_add": (_I, [_P, _P, _P, _P]),
    "symo_kfac_create": (_I, [_P, _Z, _Z, _P, _P]),
    "symo_kfac_destroy": (None, [_P]),
    "symo_kfac_set": (_I, [_P, _Z, _P]),
    "symo_kfac_basis": (_I, [_P, _Z, _P, _P]),
    "symo_kfac_set_moments": (_I, [_P, _Z, _P]),
    "symo_kfac_set_diagonal": (_I, [_P, _P]),
    "symo_kfac_truncate": (_I, [_P, _D, _D]),
    "symo_kfac_size": (_Z, [_P]),
    "symo_kfac_stored": (_D, [_P]),
    "symo_kfac_trace": (_D, [_P]),
    "symo_kfac_eigenvalues": (_I, [_P, _P]),
    "symo_kfac_matvec": (_I, [_P, _P, _P]),
    "symo_kfac_power": (_I, [_P, _D, _I, _D, _P, _P]),
    "symo_kfac_logdet": (_I, [_P, _I, _D, _P]),
    "symo_kfac_sample": (_I, [_P, _I, _D, _P, _P]),
    "symo_kfac_dense": (_I, [_P, _D, _I, _D, _P]),
    "symo_kfac_write": (_I, [_P, _S]),
    "symo_kfac_read": (_I, [_P, _S, _P]),
    "symo_group_from_ops": (_I, [_P, _P, _P]),
    "symo_group_destroy": (None, [_P]),
    "symo_rng_below": (c_uint64, [_P, c_uint64]),
    "symo_context_add_group": (_I, [_P, _P]),
    "symo_symmetry_measure": (_I, [_P, _P, _P, _P, _P, _P]),
    "symo_symmetry_destroy": (None, [_P]),
    "symo_method_num_presets": (_Z, []),
    "symo_method_preset_name": (_S, [_Z]),
    "symo_optim_spec_open": (_I, [_P, _S, _Z, _P, _P]),
    "symo_optim_spec_to_json": (_I, [_P, _P, _P]),
    "symo_optim_spec_destroy": (None, [_P]),
    "symo_optim_create": (_I, [_P, _P, _P]),
    "symo_optim_destroy": (None, [_P]),
    "symo_optim_describe": (_I, [_P, _P]),
    "symo_optim_rule_of": (_Z, [_P, _Z]),
    "symo_optim_needs_problem": (_B, [_P]),
    "symo_optim_state_create": (_I, [_P, _P]),
    "symo_optim_state_destroy": (None, [_P]),
    "symo_optim_state_set_lr": (_I, [_P, _Z, _D]),
    "symo_optim_state_num_entries": (_Z, [_P]),
    "symo_optim_state_entry": (StateEntry, [_P, _Z]),
    "symo_optim_step": (_I, [_P, Vector, Vector, _P]),
    "symo_optim_problem_step": (_I, [_P, _P, _P, _P, _P]),
    "symo_optim_state_alpha": (_D, [_P, _Z, _P]),
    "symo_optim_state_write": (_I, [_P, _S]),
    "symo_optim_state_read": (_I, [_P, _S, _Z, _P, _P]),
}
for _name, (_returns, _takes) in _FUNCTIONS.items():
    _function = getattr(lib, _name)
    _function.restype, _function.argtypes = _returns, _takes


# The statuses by name.
STATUS = {lib.symo_status_name(value).decode(): value for value in range(-11, 4)}


# What functions of the caller raised within the library, with the threads that they ran in (None:
# a thread of the library).  It goes on in the call that led to it.
raised: list[tuple[int | None, BaseException]] = []


def keep(error):
    """Keeps an exception until the library has returned."""
    foreign = isinstance(threading.current_thread(), threading._DummyThread)
    raised.append((None if foreign else threading.get_ident(), error))


def _go_on():
    mine = threading.get_ident()
    for entry in list(raised):
        if entry[0] in (None, mine):
            raised[:] = [other for other in raised if other[0] not in (None, mine)]
            raise entry[1]


def check(status, context):
    """Raises what went wrong in a call of the library that returned this status."""
    if raised:
        _go_on()
    if status != 0:
        detail = lib.symo_context_detail(context).decode("utf-8", "replace") if context else ""
        name = lib.symo_status_name(status).decode()
        raise Error(status, name, detail or lib.symo_strerror(status).decode())


class Handle:
    """An object of the library, destroyed when nothing refers to it any more."""

    def __init__(self, pointer, destroy):
        self.pointer = pointer
        self._finalizer = weakref.finalize(self, destroy, pointer)


def make(create, destroy, context, *arguments):
    """The handle that a function writes to its last argument."""
    out = c_void_p()
    check(create(*arguments, byref(out)), context)
    return Handle(out.value, destroy)


def text(function, context, *arguments):
    """The text that a function writes to its last argument, and that is ours to free."""
    out = c_void_p()
    check(function(*arguments, byref(out)), context)
    try:
        return ctypes.string_at(out).decode()
    finally:
        lib.symo_free(out)


def new_context():
    return make(lib.symo_context_create, lib.symo_context_destroy, None)


def set_threads(n: int) -> None:
    """Sets how many threads the linear algebra of the library may use, in the whole process."""
    check(lib.symo_set_threads(min(count(n, "set_threads: n", 1), 2**31 - 1)), None)


def get_threads() -> int:
    """How many threads the linear algebra of the library may use."""
    return lib.symo_get_threads()


def version() -> str:
    """The version of the library that is loaded."""
    return lib.symo_version().decode()


def build_info() -> str:
    """One line about the build of the library: compiler, BLAS and its configuration."""
    return lib.symo_build_info().decode()


# ---- files in memory -----------------------------------------------------------------------------


def to_bytes(write, context, pointer):
    """What `write` writes to a file."""
    with tempfile.TemporaryDirectory(prefix="symo-") as folder:
        path = pathlib.Path(folder) / "file.safetensors"
        check(write(pointer, os.fsencode(path)), context)
        return path.read_bytes()


def from_bytes(data, read):
    """read(path) of a file that holds these bytes."""
    with tempfile.TemporaryDirectory(prefix="symo-") as folder:
        path = pathlib.Path(folder) / "file.safetensors"
        path.write_bytes(data)
        return read(os.fsencode(path))


# ---- vectors -------------------------------------------------------------------------------------

_TORCH = {"torch.float32": F32, "torch.float64": F64}

View = collections.namedtuple("View", "address dtype shape strides")


def view(array, what):
    """Where an array lies: address, number type, shape, and strides in elements (None: dense)."""
    if isinstance(array, np.ndarray):
        dtype = F32 if array.dtype == DTYPES[F32] else F64 if array.dtype == DTYPES[F64] else None
        if dtype is None:
            refuse(
                "SYMO_E_DTYPE",
                f"{what}: has numbers of type {array.dtype} (give float32 or float64)",
            )
        strides = None
        if not array.flags.c_contiguous:
            size = array.itemsize
            if any(s % size for s in array.strides):
                refuse(
                    "SYMO_E_ARGUMENT",
                    f"{what}: strides are no multiples of {size} bytes (copy the array)",
                )
            strides = tuple(s // size for s in array.strides)
        return View(array.__array_interface__["data"][0], dtype, array.shape, strides)
    if hasattr(array, "data_ptr"):
        if array.device.type != "cpu":
            refuse(
                "SYMO_E_UNSUPPORTED",
                f"{what}: lies on {array.device}; the library works in the memory of "
                "the CPU (move it with .cpu())",
            )
        dtype = _TORCH.get(str(array.dtype))
        if dtype is None:
            refuse(
                "SYMO_E_DTYPE",
                f"{what}: has numbers of type {array.dtype} (give float32 or float64)",
            )
        if array.layout.__str__() != "torch.strided":
            refuse(
                "SYMO_E_UNSUPPORTED", f"{what}: is stored as {array.layout} (give a strided tensor)"
            )
        strides = None if array.is_contiguous() else tuple(array.stride())
        return View(array.data_ptr(), dtype, tuple(array.shape), strides)
    refuse(
        "SYMO_E_ARGUMENT",
        f"{what}: is a {type(array).__name__} (give numpy arrays or torch tensors)",
    )


def vector(views):
    """The C vector over these views, and what has to stay alive beside it."""
    n = len(views)
    data = (c_void_p * n)(*[v.address for v in views])
    strides = kept = None
    if any(v.strides is not None for v in views):
        kept = [v.strides and (c_ssize_t * len(v.strides))(*v.strides) for v in views]
        strides = (c_void_p * n)(*[k and ctypes.addressof(k) for k in kept])
    dtype = views[0].dtype if n else F64
    address = ctypes.cast(data, c_void_p).value
    return Vector(dtype, address, strides and ctypes.addressof(strides)), (data, strides, kept)
