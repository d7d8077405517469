"""Small autoencoders of diffusers, a configuration for each preset, and folders of them as they are published.

python tests/small_autoencoders.py NAME FOLDER
"""

import sys

import torch

#: Settings by preset. LTX's tokens are of 32 pixels, and Mochi's norms have 32 groups.
CONFIGS = {
    "cosmos-cv8x8x8": {
        "encoder_block_out_channels": [4, 8, 8, 8],
        "decode_block_out_channels": [8, 8, 8, 8],
        "latent_channels": 2,
        "num_layers": 1,
    },
    "wan-2.1": {"base_dim": 4, "z_dim": 2, "num_res_blocks": 1},
    "ltx-video": {
        "block_out_channels": [4, 8, 8, 8],
        "decoder_block_out_channels": [4, 8, 8, 8],
        "latent_channels": 2,
        "layers_per_block": [1, 1, 1, 1, 1],
        "decoder_layers_per_block": [1, 1, 1, 1, 1],
    },
    "cogvideox-2b": {
        "block_out_channels": [4, 8, 8, 8],
        "latent_channels": 2,
        "layers_per_block": 1,
        "norm_num_groups": 2,
    },
    "hunyuan-video": {
        "block_out_channels": [4, 8, 8, 8],
        "latent_channels": 2,
        "layers_per_block": 1,
        "norm_num_groups": 2,
    },
    "mochi-1": {
        "encoder_block_out_channels": [32, 32, 32, 32],
        "decoder_block_out_channels": [32, 32, 32, 32],
        "latent_channels": 2,
        "layers_per_block": [1, 1, 1, 1, 1],
    },
}

CLASSES = {
    "cosmos-cv8x8x8": "AutoencoderKLCosmos",
    "wan-2.1": "AutoencoderKLWan",
    "ltx-video": "AutoencoderKLLTXVideo",
    "cogvideox-2b": "AutoencoderKLCogVideoX",
    "hunyuan-video": "AutoencoderKLHunyuanVideo",
    "mochi-1": "AutoencoderKLMochi",
}


def node(name):
    """`architecture` of params.yaml."""
    return {"preset": name, "config": CONFIGS[name]}


def autoencoder(name, seed=0):
    """The whole autoencoder, with its decoder, as diffusers makes it."""
    import diffusers  # takes seconds, and most tests need none

    torch.manual_seed(seed)
    return getattr(diffusers, CLASSES[name])(**CONFIGS[name]).eval().requires_grad_(False)


def save(name, folder):
    """Writes config.json and diffusion_pytorch_model.safetensors to `folder`; returns it."""
    autoencoder(name, seed=3).save_pretrained(folder)
    return folder


if __name__ == "__main__":
    save(*sys.argv[1:])
