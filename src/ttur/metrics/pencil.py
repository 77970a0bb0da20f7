"""The product of two covariances, reduced once: its eigenvalues, and vectors for a gradient."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy.linalg
from jaxtyping import Float
from scipy.linalg import eigh_tridiagonal

LAPACK: Any = scipy.linalg.lapack  # compiled: no checker knows its functions
# Where LAPACK's driver would scale the matrix first.
UNSCALED = (1e-120, 1e120)


@dataclass(frozen=True, eq=False)
class Pencil:
    """Lᵀ C_y L with C_x = L Lᵀ, as the tridiagonal matrix that reflections make of it."""

    factor: Float[np.ndarray, "d d"]
    _reflections: tuple[np.ndarray, np.ndarray]
    _diagonals: tuple[np.ndarray, np.ndarray]

    @classmethod
    def of(cls, covariance_x: np.ndarray, covariance_y: np.ndarray) -> "Pencil | None":
        """None where there is no Cholesky factor, one dimension, or an extreme scale."""
        d = len(covariance_x)
        factor, failed = LAPACK.dpotrf(covariance_x, lower=1, clean=1)
        if failed or d < 2:
            return None
        product, _ = LAPACK.dsygst(covariance_y, factor, itype=2, lower=1)
        if not UNSCALED[0] < np.abs(product).max() < UNSCALED[1]:
            return None
        work = int(LAPACK.dsytrd_lwork(d, lower=1)[0])
        reduced, diagonal, beside, scales, _ = LAPACK.dsytrd(
            product, lower=1, lwork=work, overwrite_a=1
        )
        return cls(factor, (reduced, scales), (diagonal, beside))

    @cached_property
    def eigenvalues(self) -> Float[np.ndarray, " d"]:
        """Those of C_x C_y, ascending; to the bit `eigvalsh(C_y, C_x, type=2, driver="gv")`."""
        return LAPACK.dsterf(*(part.copy() for part in self._diagonals))[0]

    @property
    def vectors(self) -> Float[np.ndarray, "d d"]:
        """The eigenvectors of Lᵀ C_y L as columns, in float32: for standard errors."""
        vectors = eigh_tridiagonal(*self._diagonals, check_finite=False)[1].astype(np.float32)
        reduced, scales = (part.astype(np.float32) for part in self._reflections)
        below = np.asfortranarray(reduced[1:, :-1])
        rest = np.asfortranarray(vectors[1:])
        work = int(LAPACK.sormqr("L", "N", below, scales, rest, -1)[1][0])
        vectors[1:] = LAPACK.sormqr("L", "N", below, scales, rest, work, overwrite_c=1)[0]
        return vectors
