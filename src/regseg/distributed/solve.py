"""The reduction: from the votes of all blocks to one smooth field."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse.linalg import LinearOperator, cg

from regseg.distributed.field import Field, cubic
from regseg.distributed.votes import Votes, pairs_of

_SLOPE = 0.1  # the price of a slope beside that of bending, for knots 1 mm apart: a field levels off in three knots
_CLEAN = 0.04  # the cost of a clean pair of the same contrast, once it is registered


@dataclass(frozen=True)
class Solve:
    """The field that costs least, with a price on bending.

    The field is a cubic B-spline u = B c with knots every `knots` mm. The further coefficients c minimise the votes
    plus the bending energy of the whole field,

        Σ_cells ½ uᵀ A u - bᵀ u  +  ½ price ∫ |second derivatives|² + 0.1 / knots² |first derivatives|² dx,

    with the derivatives of the whole field. That is one linear system, (Bᵀ A B + price K) c = Bᵀ b - price K c₀, with
    c₀ the field as it stands. Conjugate gradients solve it without ever writing its matrix down, because B acts along
    one axis at a time. Where no block has voted, A is zero and the bending alone decides: the gap is bridged smoothly
    from its neighbours. As it costs no bending to run straight on, out of the last block and far away, slopes have
    their small price too: within a few knots beyond the last vote the field levels off.

    Votes that come with a cost tell how noisy they are. The less alike the images look, the less a single vote is to be
    trusted, and the more its neighbours must say the same. So the price is `bending` as long as the cost is below 0.04,
    as for a clean pair, and above it grows with the square of the cost. The square is what served noisy and clean, like
    and unlike pairs best, among the development pairs of the bench.

    Attributes
    ----------
    knots : float
        Spacing of the spline's knots in mm.
    bending : float
        The price on bending, in mm⁴ for votes that weigh 1 a cubic millimetre; see above for votes with a cost.
    iterations : int
        Of the conjugate gradients, at most.
    """

    knots: float
    bending: float = 0.5
    iterations: int = 40

    def __call__(self, votes: Votes, field: Field) -> np.ndarray:
        """The values of the field, shape (dimension, z, y, x) in mm, after these votes."""
        bases = [
            self._basis(n, cell) for n, cell in zip(votes.box.size[::-1], field.lattice.spacing[::-1], strict=True)
        ]
        now = _along(field.values, [_fit(basis) for basis in bases])
        return _along(now + self._further(votes, bases, now), bases).astype(np.float32)

    def _basis(self, cells: int, width: float) -> np.ndarray:
        """What turns coefficients into values at the centres of cells, along one axis."""
        knots = int(np.ceil(cells * width / self.knots)) + 3
        return cubic((np.arange(cells)[:, None] + 0.5) * width / self.knots - (np.arange(knots) - 1))

    def _further(self, votes: Votes, bases: list[np.ndarray], now: np.ndarray) -> np.ndarray:
        pairs = pairs_of(len(bases))
        matrix, vector = (each.astype(np.float32, copy=False) for each in (votes.matrix, votes.vector))
        back = [basis.T for basis in bases]
        noise = 1.0 if votes.cost is None else max(votes.cost / _CLEAN, 1.0)
        price = self.bending * noise**2 * self.knots ** (len(bases) - 4)

        def apply(flat: np.ndarray) -> np.ndarray:
            c = flat.reshape(now.shape)
            u = _along(c, bases)
            forces = np.zeros_like(u)
            for element, (i, j) in zip(matrix, pairs, strict=True):
                forces[i] += element * u[j]
                if i != j:
                    forces[j] += element * u[i]
            return (_along(forces, back) + price * _bend(c)).ravel()

        # Jacobi's preconditioner: the diagonal of the system. 30 is about that of K, whose rows are all alike inside.
        squares = [basis.T**2 for basis in bases]
        own = np.stack([e for e, (i, j) in zip(matrix, pairs, strict=True) if i == j])
        diagonal = (_along(own, squares) + price * 30).ravel()
        shape = now.size, now.size
        c, _ = cg(
            LinearOperator(shape, apply, dtype=now.dtype),
            (_along(vector, back) - price * _bend(now)).ravel(),
            rtol=1e-8,  # coefficients far inside a gap hardly cost anything: a looser stop leaves zeros there
            maxiter=self.iterations,
            M=LinearOperator(shape, lambda residual: residual / diagonal, dtype=now.dtype),
        )
        return c.reshape(now.shape)


def _fit(basis: np.ndarray) -> np.ndarray:
    """What turns values at the centres of cells into coefficients, by least squares.

    The outermost knots hardly reach the first and the last cell. The small ridge keeps them from growing without limit.
    """
    return np.linalg.solve(basis.T @ basis + 1e-5 * np.eye(basis.shape[1]), basis.T)


def _along(values: np.ndarray, matrices: list[np.ndarray]) -> np.ndarray:
    """Multiply every axis but the first by its matrix."""
    for matrix in matrices:
        # The axis in work is always the second; done, it becomes the last, and after all of them the order is right.
        values = np.tensordot(values, matrix, axes=(1, 1))
    return values


def _bend(c: np.ndarray) -> np.ndarray:
    """K c: what the price on bending says about coefficients of shape (dimension, z, y, x), for knots 1 mm apart.

    The second derivatives are second differences, the mixed ones products of two first differences.
    """
    out = np.zeros_like(c)
    for a, b in pairs_of(c.ndim - 1):
        bent = _difference_back(_difference_back(np.diff(np.diff(c, axis=a + 1), axis=b + 1), b + 1), a + 1)
        out += bent if a == b else 2 * bent  # ∂a∂b and ∂b∂a are two of the derivatives, and the same
        if a == b:
            out += _SLOPE * _difference_back(np.diff(c, axis=a + 1), a + 1)
    return out


def _difference_back(values: np.ndarray, axis: int) -> np.ndarray:
    """The transpose of np.diff along an axis."""
    pad = [(0, 0)] * values.ndim
    pad[axis] = (1, 1)
    return -np.diff(np.pad(values, pad), axis=axis)
