# %% [markdown]
# # The loader in your own loop
#
# Batches come cropped, flipped, normalised and mixed, with soft targets. Two runs with one seed see the same
# images in the same order, whatever is mixed, so that their difference is that of mixing.
#
# To open this in Colab, write the GitHub repository of your copy for OWNER/REPOSITORY in
# `https://colab.research.google.com/github/OWNER/REPOSITORY/blob/main/examples/loader_in_your_loop.ipynb`;
# there, run `!git clone https://github.com/OWNER/REPOSITORY && pip install ./REPOSITORY` first.

# %%
import subprocess
import sys

import timm
import torch

import mixscope

subprocess.run([sys.executable, "-m", "mixscope", "data", "prepare", "digits"], check=True)
loader = mixscope.Loader("digits", "train", batch_size=32, mix="cutmix", seed=0, base="none")
batch = next(iter(loader))
print(loader)
print(batch.images.shape, batch.images.dtype, batch.targets(loader.n_classes).shape)

# %% [markdown]
# ## A plain loop


# %%
def train(mix, seed, epochs=2):
    """A small ResNet on digits: its correctness by test example."""
    loader = mixscope.Loader("digits", "train", batch_size=32, mix=mix, seed=seed, base="none")
    torch.manual_seed(seed)
    model = timm.create_model(
        "resnet10t", num_classes=loader.n_classes, channels=[16, 24, 32, 48], stem_width=8
    )
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.002)
    for _ in range(epochs):
        for batch in loader:
            loss = torch.nn.functional.cross_entropy(model(batch.images), batch.targets(loader.n_classes))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        test = mixscope.Loader("digits", "test", batch_size=128)
        return [right for b in test for right in (model(b.images).argmax(1) == b.labels).tolist()]


# %% [markdown]
# ## Three seeds, and whether the difference is real
# Two epochs are few: this shows the way, not what CutMix is worth.

# %%
correct = {mix: [train(mix, seed) for seed in range(3)] for mix in ("cutmix", "none")}
for mix, runs in correct.items():
    print(mix, [f"{sum(run) / len(run):.3f}" for run in runs])
print(mixscope.contrast_arrays(correct["cutmix"], correct["none"], names=("CutMix", "no mixing")))
