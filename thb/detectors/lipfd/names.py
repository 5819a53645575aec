"""What the authors' files call LipFD's tensors: CLIP's as OpenAI has them, the ResNet's as torchvision has them.

Both heads stand inside the ResNet there.
"""

from __future__ import annotations

_RENAMED = {
    "encoder.conv1.": "conv1.",
    "encoder.proj": "encoder.visual.proj",
    "backbone.resnet.": "backbone.",
    "weigh.": "backbone.get_weight.0.",
    "fc.": "backbone.fc.",
    "encoder.visual.cls_token": "encoder.visual.class_embedding",
    "encoder.visual.pos_embed": "encoder.visual.positional_embedding",
    "encoder.visual.patch_embed.proj.": "encoder.visual.conv1.",
    "encoder.visual.norm_pre.": "encoder.visual.ln_pre.",
    "encoder.visual.norm.": "encoder.visual.ln_post.",
    "encoder.visual.blocks.": "encoder.visual.transformer.resblocks.",
}
_IN_A_BLOCK = {
    ".norm1.": ".ln_1.",
    ".norm2.": ".ln_2.",
    ".mlp.fc1.": ".mlp.c_fc.",
    ".mlp.fc2.": ".mlp.c_proj.",
    ".attn.qkv.": ".attn.in_proj_",
    ".attn.proj.": ".attn.out_proj.",
}


def published(name: str) -> str:
    """Of a tensor of the published size."""
    begin = next((own for own in _RENAMED if name.startswith(own)), "")
    name = _RENAMED.get(begin, "") + name.removeprefix(begin)
    if ".resblocks." in name:
        for own, theirs in _IN_A_BLOCK.items():
            name = name.replace(own, theirs)
    return name
