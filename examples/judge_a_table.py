# %% [markdown]
# # Judge a table from elsewhere
#
# The models may have been trained with anything. One row a run is enough.
#
# To open this in Colab, write the GitHub repository of your copy for OWNER/REPOSITORY in
# `https://colab.research.google.com/github/OWNER/REPOSITORY/blob/main/examples/judge_a_table.ipynb`;
# there, run `!git clone https://github.com/OWNER/REPOSITORY && pip install ./REPOSITORY` first.

# %%
from pathlib import Path

import numpy as np

import mixscope

Path("results.csv").write_text("""\
Architecture,Aug,seed,Top-1 (%),n_test
rn18,none,0,76.1,10000
rn18,none,1,76.5,10000
rn18,none,2,76.3,10000
rn18,cutmix,0,79.0,10000
rn18,cutmix,1,79.6,10000
rn18,cutmix,2,79.3,10000
deit,none,0,65.8,10000
deit,none,1,66.4,10000
deit,none,2,65.5,10000
deit,cutmix,0,74.0,10000
deit,cutmix,1,74.9,10000
deit,cutmix,2,73.8,10000
""")
results = mixscope.load("results.csv")
for note in results.notes:
    print(note)

# %% [markdown]
# ## Is the difference real?
# Nothing was claimed before these runs, so every gain is shown, corrected by Holm, and called exploratory.
# (The accuracies are invented.)

# %%
judged = mixscope.judge(results)
print(judged)

# %% [markdown]
# For a paper:

# %%
print(judged.to_latex())

# %% [markdown]
# ## Claims, written down before the next runs

# %%
Path("claims.yaml").write_text("""\
baseline: none
claims:
  H1:
    en: deit gains more from cutmix than rn18 does
    contrast: {Architecture: {deit: 1, rn18: -1}, Aug: {cutmix: 1, none: -1}}
    expect: above
    margin: 1.0
""")
print(mixscope.judge(mixscope.load("results.csv", claims="claims.yaml")))

# %% [markdown]
# ## From arrays
# With correctness by test example, two models are paired on the test set, and the interval counts seeds and
# test examples.

# %%
random = np.random.default_rng(0)
difficulty = random.uniform(size=2000)
cutmix = random.uniform(size=(3, 2000)) < 1 - 0.4 * difficulty
default = random.uniform(size=(3, 2000)) < 1 - 0.5 * difficulty
print(mixscope.contrast_arrays(cutmix, default, names=("CutMix", "no mixing")))
