"""Causal 3-D convolution: zero-padded on both sides in space and in front only in time.

The same sums are computed in three ways, chosen by size alone. With few channels, pad and convolve. With many, the zero
frames are never made: the first outputs take only the taps that fall on real frames, which saves 3 of 15 taps at 5
frames and half of them at 2. On a CPU without gradients, and with large frames, Winograd's minimal filtering in space
(Lavin & Gray 2015, arXiv 1509.09308) needs 16 products where the convolution needs 36.
"""

import torch
import torch.nn.functional as F
from einops import einsum, rearrange
from torch import Tensor

Stride = tuple[int, int, int]
#: From this number of channels, a separate call for the first frames costs less than it saves.
MANY = 128
#: Values of the strip that Winograd's filtering transforms at a time, which then stays in a CPU's cache.
STRIP = 3_000_000
#: F(2 x 2, 3 x 3): how the three weights become four.
WEIGHTS = torch.tensor([[1.0, 0.0, 0.0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0.0, 0.0, 1.0]])
#: B': which two of four values make each of four.
PAIRS = ((0, 2, torch.sub), (1, 2, torch.add), (2, 1, torch.sub), (1, 3, torch.sub))


def causal_conv(x: Tensor, weight: Tensor, bias: Tensor | None, stride: Stride) -> Tensor:
    """[b c t h w] -> [b o t' h' w'], t' = ceil(t / stride) and so on, with `weight` [o c kt kh kw] of odd size."""
    taps, *sides = weight.shape[2:]
    padding = (0, *(side // 2 for side in sides))
    if taps == 1:
        return F.conv3d(x, weight, bias, stride, padding)
    if min(weight.shape[:2]) < MANY:
        return F.conv3d(F.pad(x, (0, 0, 0, 0, taps - 1, 0)), weight, bias, stride, padding)
    if _suits_winograd(x, weight, bias, stride):
        return winograd(x, weight)
    return without_zeros(x, weight, bias, stride)


def without_zeros(x: Tensor, weight: Tensor, bias: Tensor | None, stride: Stride) -> Tensor:
    """As `causal_conv`, from the real frames alone."""
    taps, frames, padding = weight.shape[2], x.shape[2], (0, weight.shape[3] // 2, weight.shape[4] // 2)
    # The first frame as an image: for a single one, torch's 3-D convolution is several times slower.
    parts = [F.conv2d(x[:, :, 0], weight[:, :, -1], bias, stride[1:], padding[1:]).unsqueeze(2)]
    end = 1 + stride[0]  # frames before `end` are those that the next output sees
    while end < min(taps, frames + 1):
        parts.append(F.conv3d(x[:, :, :end], weight[:, :, taps - end :], bias, stride, padding))
        end += stride[0]
    if end <= frames:
        parts.append(F.conv3d(x[:, :, end - taps :], weight, bias, stride, padding))
    return torch.cat(parts, dim=2) if len(parts) > 1 else parts[0]


def _suits_winograd(x: Tensor, weight: Tensor, bias: Tensor | None, stride: Stride) -> bool:
    inference = x.device.type == "cpu" and x.dtype == torch.float32 and not torch.is_grad_enabled()
    inference = inference and not torch.is_autocast_enabled("cpu")  # its products would be of another type
    large = x.shape[3] * x.shape[4] > 2 * max(weight.shape[:2])  # or else transforming the weights costs too much
    return inference and large and bias is None and stride == (1, 1, 1) and weight.shape[2:] == (3, 3, 3)


def winograd(x: Tensor, weight: Tensor) -> Tensor:
    """As `causal_conv` with 3 x 3 x 3 taps, no stride and no bias: F(2 x 2, 3 x 3) in space, tap by tap in time.

    For each 2 x 2 outputs the 4 x 4 inputs d under them become V = B' d B, each of the 16 values a matrix product
    M = U V over channels with the weights U = G g G', and these the outputs A' M A, with
    B' d = (d0 - d2, d1 + d2, d2 - d1, d1 - d3) and A' m = (m0 + m1 + m2, m1 - m2 - m3). One clip, and a strip of it,
    at a time; channels last.
    """
    (b, c, t, h, w), o = x.shape, len(weight)
    kernels = einsum(WEIGHTS, WEIGHTS, weight, "p y, q x, o c k y x -> k p q c o").reshape(3, 16, c, o).contiguous()
    rows, columns = (h + 1) // 2, (w + 1) // 2  # of 2 x 2 outputs
    strips = -(-rows // max(1, STRIP // (16 * t * columns * c)))
    high = -(-rows // strips)  # of a strip
    frames, out = rearrange(x, "b c t h w -> b t h w c"), x.new_empty(b, t, 2 * rows, 2 * columns, o)
    strip = x.new_zeros(t, 2 * high + 2, 2 * columns + 2, c)
    v, m = x.new_empty(4, 4, t, high, columns, c), x.new_empty(4, 4, t, high, columns, o)
    flat, products, step = v.view(16, -1, c), m.view(16, -1, o), high * columns  # step: from a frame to the next
    # Memory that is kept: what is asked for anew for each strip, the system has to clear each time.
    line, sums = x.new_empty(t, high, 2 * columns + 2, c), x.new_empty(4, t, high, columns, o)
    for clip in range(b):
        for start in range(0, rows, high):
            row = min(start, rows - high)  # the last strip overlaps the one before it
            first, last = max(2 * row - 1, 0), min(2 * (row + high) + 1, h)
            above, below = first - (2 * row - 1), last - (2 * row - 1)
            strip[:, :above] = strip[:, below:] = 0
            strip[:, above:below, 1 : w + 1] = frames[clip, :, first:last]
            d = [strip[:, i : i + 2 * high - 1 : 2] for i in range(4)]
            for p, (one, other, of_rows) in enumerate(PAIRS):
                of_rows(d[one], d[other], out=line)
                e = [line[:, :, j : j + 2 * columns - 1 : 2] for j in range(4)]
                for q, (left, right, of_columns) in enumerate(PAIRS):
                    of_columns(e[left], e[right], out=v[p, q])
            torch.bmm(flat, kernels[2], out=products)
            for back in range(1, min(3, t)):
                later = products[:, back * step :]
                torch.baddbmm(later, flat[:, : (t - back) * step], kernels[2 - back], out=later)
            into = rearrange(out[clip, :, 2 * row : 2 * (row + high)], "t (r i) (s j) o -> i j t r s o", i=2, j=2)
            for i, of_rows in enumerate((torch.add, torch.sub)):
                of_rows(m[i], m[i + 1], out=sums)
                of_rows(sums, m[i + 2], out=sums)
                for j, of_columns in enumerate((torch.add, torch.sub)):
                    of_columns(sums[j], sums[j + 1], out=into[i, j])
                    of_columns(into[i, j], sums[j + 2], out=into[i, j])
    return rearrange(out[:, :, :h, :w], "b t h w o -> b o t h w")
