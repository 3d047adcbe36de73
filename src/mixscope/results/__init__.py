"""Results from anywhere: run folders, bundles, CSV, prediction files -> one typed structure."""

from mixscope.results.outcomes import Outcomes as Outcomes
from mixscope.results.results import DataSet as DataSet
from mixscope.results.results import Experiment as Experiment
from mixscope.results.results import Provenance as Provenance
from mixscope.results.results import Results as Results
from mixscope.results.results import Run as Run
from mixscope.results.results import Scaled as Scaled
from mixscope.results.results import Summary as Summary
