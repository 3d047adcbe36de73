# %% [markdown]
# # Read a study
#
# `quickstart.zip` is what `mixscope study pack runs/quickstart` wrote: a small ResNet and a small ViT on
# scikit-learn's handwritten digits, without mixing, with MixUp and with CutMix, three seeds each. A study's
# folder, a bundle and a table are read alike.
#
# To open this in Colab, write the GitHub repository of your copy for OWNER/REPOSITORY in
# `https://colab.research.google.com/github/OWNER/REPOSITORY/blob/main/examples/read_a_study.ipynb`;
# there, run `!git clone https://github.com/OWNER/REPOSITORY && pip install ./REPOSITORY` first, and
# `%cd REPOSITORY/examples`.

# %%
import mixscope

results = mixscope.load("quickstart.zip")
print(results)

# %% [markdown]
# ## One row a run
# Accuracies are shares of 1.

# %%
frame = results.to_frame()
print(frame.pivot_table("accuracy", "augmentation", "model", aggfunc=["mean", "std"]).round(4))

# %% [markdown]
# ## Verdicts
# What was claimed before the first run, with intervals that count seeds and test examples.

# %%
verdicts = mixscope.judge(results)
print(verdicts)

# %% [markdown]
# ## A comparison of your own
# Weights of the levels, factor by factor. It was not claimed beforehand, so it is exploratory.

# %%
print(mixscope.contrast(results, {"augmentation": {"mixup": 1, "cutmix": -1}}))

# %% [markdown]
# ## Charts and the report

# %%
figures = mixscope.figures(results)
figures["forest"].save("gains.svg")
figures["forest"]

# %%
page = mixscope.report(results, "report.html")
print(page, f"{page.stat().st_size / 1e6:.1f} MB")
