"""The reduction: from the votes of all blocks to one smooth field."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy.sparse.linalg import LinearOperator, cg

from regseg.distributed.field import Field, cubic
from regseg.distributed.votes import Votes, pairs_of

_SLOPE = 0.1  # the price of a slope beside that of bending, for knots 1 mm apart: a field levels off in three knots
_TILE = 32  # cells along each axis that are looked at together: their votes and displacements fit a processor's cache
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
        fits = [_fit(basis) for basis in bases]
        now = np.concatenate([_along(field.values[[component]], fits) for component in range(len(bases))])
        tiles = _tiles(bases)
        c = now + self._further(votes, tiles, now)
        out = np.empty_like(field.values, np.float32)
        for tile in tiles:
            out[tile.cells] = tile.values(c)
        return out

    def _basis(self, cells: int, width: float) -> np.ndarray:
        """What turns coefficients into values at the centres of cells, along one axis."""
        knots = int(np.ceil(cells * width / self.knots)) + 3
        return cubic((np.arange(cells)[:, None] + 0.5) * width / self.knots - (np.arange(knots) - 1))

    def _further(self, votes: Votes, tiles: list[_Tile], now: np.ndarray) -> np.ndarray:
        pairs = pairs_of(len(now))
        noise = 1.0 if votes.cost is None else max(votes.cost / _CLEAN, 1.0)
        price = self.bending * noise**2 * self.knots ** (len(now) - 4)

        def apply(flat: np.ndarray) -> np.ndarray:
            c = flat.reshape(now.shape)
            out = price * _bend(c)
            for tile in tiles:
                u = tile.values(c)
                matrix, forces = votes.matrix[tile.cells], np.zeros_like(u)
                for element, (i, j) in zip(matrix, pairs, strict=True):
                    forces[i] += element * u[j]
                    if i != j:
                        forces[j] += element * u[i]
                tile.add(forces, out)
            return out.ravel()

        # Jacobi's preconditioner: the diagonal of the system. 30 is about that of K, whose rows are all alike inside.
        diagonal, right = np.full_like(now, price * 30), -price * _bend(now)
        own = [k for k, (i, j) in enumerate(pairs) if i == j]
        for tile in tiles:
            tile.add(votes.vector[tile.cells], right)
            tile.add(votes.matrix[tile.cells][own], diagonal, squared=True)
        shape = now.size, now.size
        c, _ = cg(
            LinearOperator(shape, apply, dtype=now.dtype),
            right.ravel(),
            rtol=1e-8,  # coefficients far inside a gap hardly cost anything: a looser stop leaves zeros there
            maxiter=self.iterations,
            M=LinearOperator(shape, lambda residual: residual / diagonal.ravel(), dtype=now.dtype),
        )
        return c.reshape(now.shape)


@dataclass(frozen=True)
class _Tile:
    """A box of cells, and the knots whose splines reach into it: so memory is small, and the work linear in the cells.

    `cells` and `knots` cut arrays (components, z, y, x); `bases` has a float32 matrix (cells, knots) for each axis.
    """

    cells: tuple[slice, ...]
    knots: tuple[slice, ...]
    bases: tuple[np.ndarray, ...]

    def values(self, c: np.ndarray) -> np.ndarray:
        """B c in these cells, float32."""
        return _along(c[self.knots].astype(np.float32), self.bases)

    def add(self, forces: np.ndarray, out: np.ndarray, squared: bool = False) -> None:
        """Add Bᵀ times what stands in these cells to an array of coefficients; or the squares of B, transposed."""
        out[self.knots] += _along(forces.astype(np.float32), [(b * b if squared else b).T for b in self.bases])


def _tiles(bases: list[np.ndarray]) -> list[_Tile]:
    """All tiles of a lattice, for its bases along z, y, x."""
    along = []
    for basis in bases:
        pieces = []
        for first in range(0, len(basis), _TILE):
            cells = slice(first, min(first + _TILE, len(basis)))
            reached = np.flatnonzero(basis[cells].any(axis=0))
            knots = slice(int(reached[0]), int(reached[-1]) + 1)
            pieces.append((cells, knots, np.ascontiguousarray(basis[cells, knots], np.float32)))
        along.append(pieces)
    every = slice(None)
    found = (zip(*chosen, strict=True) for chosen in product(*along))
    return [_Tile((every, *cells), (every, *knots), matrices) for cells, knots, matrices in found]


def _fit(basis: np.ndarray) -> np.ndarray:
    """What turns values at the centres of cells into coefficients, by least squares.

    The outermost knots hardly reach the first and the last cell. The small ridge keeps them from growing without limit.
    """
    return np.linalg.solve(basis.T @ basis + 1e-5 * np.eye(basis.shape[1]), basis.T)


def _along(values: np.ndarray, matrices: Sequence[np.ndarray]) -> np.ndarray:
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
    for one, bent in zip(c, out, strict=True):  # one component after the other: the cache holds it
        sloped = np.zeros_like(one)
        for axis in range(one.ndim):
            slope = np.diff(one, axis=axis)
            # ∂a∂b and ∂b∂a are two of the derivatives, and the same: so the axes before count twice.
            here = _SLOPE * slope + 2 * np.diff(sloped, axis=axis)
            _add_back(np.diff(slope, axis=axis), here, axis)
            _add_back(here, bent, axis)
            _add_back(slope, sloped, axis)
    return out


def _add_back(differences: np.ndarray, out: np.ndarray, axis: int) -> None:
    """Add the transpose of np.diff along an axis, applied to differences."""
    before = (slice(None),) * axis
    out[(*before, slice(1, None))] += differences
    out[(*before, slice(None, -1))] -= differences
