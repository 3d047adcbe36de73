# English texts of mixscope, in Project Fluent's format (https://projectfluent.org/fluent/guide).
# ko.ftl has the same messages with the same parameters; a test compares them. Terms: docs/reference/glossary.md.

## The report's frame

page-skip = Skip to the answer
absent-title = Not in this report
page-contents = Contents
page-theme = Light or dark
page-made = mixscope { $version }; study { $name }, digest { $digest }
page-read_from = results read from { $source }
page-made_from = mixscope { $version }; results read from { $source }
page-as_of = Records as of { $time }
page-unit_pp = pp
page-yes = yes
page-no = no
page-unknown = not known
page-none = none
page-seed = seed { $seed }
page-some_seeds = Charts show the first { $shown } of up to { $seeds } seeds of an experiment; means, intervals and tables are of all.
page-of = { $done }/{ $all }

partial-title = This report is partial
partial-text = { $done } of { $all } runs are done. Results that need the others are left out or marked; nothing is imputed.
partial-nothing = No run of this study is done yet, so there are no results. The plan, and the checks of runs that have started, are below.
partial-missing = Not done
partial-lost = Runs that failed or are damaged, by experiment: { $where }. Estimates are of runs that finish.
partial-unreadable = Records that cannot be read

state-pending = not started
state-running = running
state-interrupted = interrupted
state-failed = failed
state-damaged = damaged
state-done = done

## Verdicts

verdict-SUPPORTED = supported
verdict-REFUTED = refuted
verdict-INCONCLUSIVE = inconclusive
verdict-NEGLIGIBLE = negligible
verdict-PARTLY = partly supported
verdict-UNFINISHED = unfinished
verdict-SCALE-DEPENDENT = scale-dependent
verdict-POST-HOC = post hoc
verdict-EXPLORATORY = exploratory
verdict-MISSING = missing
verdict-ESTIMATE = estimate

meaning-SUPPORTED = The interval lies on the claimed side of 0; for a claim of equivalence, the 90 % interval lies inside the margin.
meaning-REFUTED = The interval lies on the other side of 0; for a claim of equivalence, outside the margin.
meaning-INCONCLUSIVE = The runs neither show it nor rule it out, or a check limits the verdict.
meaning-NEGLIGIBLE = The interval lies inside the margin: the effect, if there is one, is too small to matter.
meaning-PARTLY = Supported in some strata and not in others. That strata differ is said only where a test shows it.
meaning-UNFINISHED = Settled in the strata that are done; other strata have no finished runs.
meaning-SCALE-DEPENDENT = Percentage points say one thing, log-odds the opposite.
meaning-POST-HOC = Claims were edited after the first run, so they are no predictions.
meaning-EXPLORATORY = One seed. The interval holds for these checkpoints only and says nothing about other runs.
meaning-MISSING = Runs that it needs are not done.
meaning-ESTIMATE = Nothing was claimed; the size of the effect is reported.

answer-title = The answer
answer-none = Nothing was claimed beforehand, so there are no verdicts.
answer-capped = limited by: { $gates }
answer-mind = note: { $gates }
answer-uncapped = the interval alone would give: { $verdict }
answer-open = the sampling error of the test set alone leaves it open
answer-elsewhere = Results from elsewhere: nothing records what was claimed before the runs
answer-primary = Claims written down before the first run
answer-secondary = Estimates and secondary claims
answer-no_interval = no interval
answer-needs_runs = runs that are not done: { $names }
answer-best = Best on { $data }: { $experiment }, { $value } % top-1{ $interval } (mean of { $seeds } seeds)
answer-best_one = Best on { $data }: { $experiment }, { $value } % top-1{ $interval } (one seed)
answer-best_next = next: { $experiment }, { $difference } pp lower{ $interval }
answer-best_tie = { $count ->
    [1] a tie with 1 of the { $of } others: the interval of the difference contains 0
   *[other] a tie with { $count } of the { $of } others: the intervals of the differences contain 0
}
answer-look = judged at { $seeds } seeds by the { $level } % interval [{ $low }, { $high }]
answer-look_next = judged at { $seeds } seeds by the { $level } % interval [{ $low }, { $high }]; next look at { $next } seeds
answer-rules = Judged by version { $rules } of the verdict rules.
answer-edited = Claims edited after the first run
answer-unrecorded = Claims of the study; that they were there before its first run is not recorded
answer-seeds_needed = { $n } seeds per experiment would settle it either way (80 % power, if the effect is as estimated)
answer-tipping = a standard deviation between runs of { $sd } pp would erase it
answer-margin = margin { $margin } pp
answer-expect-above = claim: above 0
answer-expect-below = claim: below 0
answer-expect-equivalent = claim: within the margin
answer-expect-none = no claim, an estimate
answer-strata_all = the whole study

why-above = the { $level } % interval lies above 0
why-below = the { $level } % interval lies below 0
why-crosses = the { $level } % interval contains 0 and extends beyond the margin of { $margin } pp
why-inside = the { $level } % interval lies within the margin of { $margin } pp
why-outside = the interval lies outside the margin of { $margin } pp
why-beyond = the interval extends beyond the margin of { $margin } pp
why-missing = no finished run of { $experiments }
why-one-seed = one seed cannot show how much runs differ
why-limited = { $all_gates }
why-no-claim = nothing is claimed
why-strata = { $all_parts }
why-all-strata = { $verdict } in all { $strata } strata
why-named-strata = { $verdict } in { $count } of { $strata } strata ({ $where })
why-some-strata = { $verdict } in { $count } of { $strata } strata
why-strata-differ = strata differ (p { SIG($p, digits: 2) })
why-strata-alike = a difference between strata is not shown (p { SIG($p, digits: 2) })

gate-seeds = fewer than three seeds
gate-unfinished = planned runs are not done
gate-failed = planned runs failed or are damaged
gate-claims = claims were written or edited after the first run
gate-plan = the study was edited after its first run
gate-copied = runs with identical predictions
gate-settings = settings differ from the study's
gate-code = different versions of the code
gate-data = different data
gate-checkpoint = different checkpoint rules
gate-health = a health check failed
gate-scales = log-odds say the opposite
gate-holm = not significant after correction over claims or strata
gate-needs = a claim that it needs does not hold

problem-missing = Missing
problem-unfinished = Unfinished
problem-failed = Failed
problem-damaged = Damaged records
problem-stale = Left out
problem-settings = Settings
problem-code = Code
problem-data = Data
problem-checkpoint = Checkpoints
problem-health = Health checks
problem-weights = Pretraining data
problem-band = Literature
problem-packages = Packages
problem-device = Devices

## Contrasts

contrasts-title = Contrasts
contrasts-lead = Each bar is a difference of gains in test top-1, in percentage points, with its 95 % interval; the strip is the margin chosen before the first run, small dots are single seeds. An interval that contains 0 does not show a direction.
contrasts-lead_chosen = Verdicts are based on the last epoch; the table below also has each contrast at the epochs that were best on the test split.
contrasts-figure_text = Forest plot. { $rows }
contrasts-row_text = { $name }: { $value }, interval { $low } to { $high }.
contrasts-row_short = { $name }: { $value }, no interval.
contrasts-below = less than 0
contrasts-above = more than 0
contrasts-secondary = Secondary claims
contrasts-details = All contrasts with their statistics
contrasts-none = There is no contrast yet.
contrasts-explored = Nothing was claimed before these runs, so this is exploratory: every gain over the baseline and every difference of gains, with 95 % intervals; p-values are corrected by Holm over all of them.
contrasts-explored_no_p = Nothing was claimed before these runs, so this is exploratory: every gain over the baseline and every difference of gains. No spread between runs is known, so there is no p-value and no verdict.
contrasts-explored_gain = Gain over { $baseline }
contrasts-explored_difference = Difference of gains, from { $over }
contrasts-explored_table = All gains and differences of gains
contrasts-gain_of = gain of { $what }
contrasts-gains_of = difference of gains of { $what }
contrasts-examples_only = { $ends } (test examples only)
contrasts-no_interval = { $value } (no interval)
contrasts-lead_elsewhere = Each bar is a claimed difference in test top-1, in percentage points, with its 95 % interval; the strip is the margin of the claims file, small dots are single seeds. An interval that contains 0 does not show a direction.
contrasts-hollow = A hollow marker is weaker evidence than it looks (one seed, or a check that limits the verdict); the inner thick bar is the 90 % interval of a claim of equivalence.
contrasts-col-claim = Claim
contrasts-col-contrast = Contrast
contrasts-col-bound = Other test examples too, pp [95 %]
contrasts-col-stratum = Stratum
contrasts-col-verdict = Verdict
contrasts-col-points = Estimate, pp [95 %]
contrasts-col-logits = Logits [95 %]
contrasts-col-bootstrap = Bootstrap, pp [95 %]
contrasts-col-error = SE, pp
contrasts-col-seed_share = Variance from seeds
contrasts-col-degrees = df
contrasts-col-seeds = Seeds
contrasts-col-shared = Variance that pairing takes off
contrasts-col-p = p (Holm)
contrasts-col-needed = Seeds for 80 % power
contrasts-col-tipping = Tipping SD, pp
contrasts-col-chosen = Epoch best on test, pp [95 %]
contrasts-col-gates = Limits and notes
contrasts-notes = { $count ->
    [one] 1 note
   *[other] { $count } notes
}

## Without claims

unchecked-planned_runs_all_there = planned runs all there
unchecked-claims_fixed_before_the_runs = claims fixed before the runs
unchecked-settings = settings
unchecked-code = code
unchecked-training_data = training data
unchecked-checkpoint_rule = checkpoint rule
unchecked-health_of_training = health of training
unchecked-same_test_examples = same test examples
unchecked-no_copied_runs = no copied runs

explored-estimate = estimate
explored-interval = 95 % CI
explored-bound = other examples too
explored-seeds = seeds
explored-verdict = verdict
explored-points = { SIGNED($value) } pp
explored-better = better
explored-worse = worse
explored-gains-more = { $model } gains more
explored-few-seeds = undecided ({ $seeds } seeds; a verdict needs { $needed })
explored-never = undecided (no number of seeds up to 1,000 would do)
explored-undecided = undecided (about { $seeds } seeds for 80 % power)
explored-missing = no finished run of { $all_experiments }
explored-open = no verdict (no spread between runs, and test examples alone leave it open)
explored-tipping = no verdict (no spread between runs; one of { FIXED($sd, digits: 2) } pp would erase it)

## Results

results-title = Results
results-lead = Top-1 accuracy on the test split, percent. Each marker is one seed, the bar across them their mean.
results-lead_elsewhere = These models were trained elsewhere; how values were read stands under the last heading.
results-lead_last = The test split was sealed until the last epoch, and values are those of that epoch; the table of checkpoints below shows what choosing an epoch would have changed.
results-lead_best = Values are those of the epoch that is best on the test split (protocol published), so they are biased upwards; the table of checkpoints below shows by how much.
results-figure = { $stratum }: top-1 by experiment
results-figure_text = Dot plot of test top-1 in percent. { $rows }
results-row_text = { $name }: mean { $mean } over { $seeds ->
    [one] 1 seed
   *[other] { $seeds } seeds
}.
results-row_none = { $name }: no finished run.
results-published = published
results-table = All experiments
results-sort_hint = Click a heading to sort by it.
results-sort = Sort by { $column }
results-best_badge = best
results-tie_badge = best, tied
results-col-experiment = Experiment
results-col-seeds = Seeds
results-col-each = Each seed
results-col-top1 = Top-1, %
results-col-top5 = Top-5, %
results-col-precision = Precision, %
results-col-recall = Recall, %
results-col-f1 = F1, %
results-col-nll = NLL, nats
results-col-ece = ECE, %
results-col-published = Published top-1, %
results-col-difference = Ours − published, pp
results-mean_sd = mean ± SD
results-spread = Mean ± standard deviation between seeds; one seed has no standard deviation. Precision, recall and F1 are macro averages.
results-published_note = Published values come from their own settings and one seed, and some are known to be invalid; they are shown for comparison and are not targets.
results-doubts = † What the audit finds in the published rows
results-published_none = No published values were given; --reference FILE (CSV or Markdown) shows them beside ours.

## Pretraining

pretraining-title = Effect of pretraining
pretraining-lead = Each row goes from training from scratch (hollow) to training from pretrained weights (filled); small markers are seeds. The pretraining data are listed further below and limit what this comparison can show.
pretraining-none = No factor of this study sets the initial weights, so it cannot show the effect of pretraining.
pretraining-waiting = The runs that would show it are not done yet.
pretraining-figure = { $data }: from scratch to pretrained
pretraining-figure_text = Test top-1 in percent. { $rows }
pretraining-row_text = { $name }: { $before } from scratch, { $after } pretrained, { $difference } pp.
pretraining-claims = Verdicts
pretraining-scratch = from scratch
pretraining-pretrained = pretrained

## Training curves

curves-title = Training curves
curves-lead = One curve per run. With mixing, training accuracy is measured on a clean subset of the training images; accuracy against one of two labels would be meaningless.
curves-loss = Training loss, nats
curves-loss_note = The loss of mixed labels cannot reach 0, so losses of different augmentations are not comparable.
curves-accuracy = Accuracy, %
curves-accuracy_val = solid: validation images; dashed: clean training images
curves-accuracy_test = solid: test images, since protocol published evaluates them every epoch; dashed: clean training images
curves-accuracy_train = dashed: clean training images
curves-lr = Learning rate
curves-speed = Throughput, images/s
curves-epoch = epoch
curves-figure_text = { $what } of { $experiment } by epoch, one curve per run. { $rows }
curves-row_text = { $name }: from { $first } to { $last } after { $epochs ->
    [one] 1 epoch
   *[other] { $epochs } epochs
}.
curves-none = No values by epoch are known.
curves-published = published
curves-published_note = Faint dotted curves: published runs of the same experiment ({ $count ->
    [one] 1 log
   *[other] { $count } logs
} in all), with their own settings.

## Gain against training budget

budget-title = Gain by training budget
budget-lead = The same differences after every epoch. A gain whose sign changes during training depends on the training budget, so a verdict at the last epoch holds for that budget only.
budget-gains = Gain over the baseline
budget-contrasts = Claimed contrasts
budget-figure_claim = { $claim }
budget-figure_text = Difference of accuracy on { $split } images by epoch, in percentage points. { $rows }
budget-row_text = { $name }: { $first } after epoch { $start }, { $last } after epoch { $end }, { $seeds ->
    [one] 1 seed
   *[other] { $seeds } seeds
}.
budget-split-val = validation
budget-split-test = test
budget-note = Bold: mean over seeds. Thin: single seeds. Strip: 95 % interval from seeds alone. Measured on { $split } images and not used for verdicts.
budget-none = No two augmentations have values at the same epochs.

## Classes

classes-title = Gains by class
classes-lead = Change in recall of each class from the baseline to an augmentation, sorted. Solid bars differ from 0 at a false discovery rate of 5 % over all classes of the chart (Benjamini and Hochberg); pale ones may be chance. Ticks are shrunken estimates, the better prediction for a new study.
classes-single = With one seed only the sampling error of the test set is counted, so too many classes appear significant.
classes-figure = { $augmentation } · { $stratum }
classes-figure_text = Gain in recall of { $classes } classes, sorted, in percentage points. { $certain } of them differ from 0. Largest: { $top }. Smallest: { $bottom }.
classes-certain = { $count } of { $classes } classes differ from 0
classes-most = Largest gains:
classes-least = Smallest gains or largest losses:
classes-sorted = classes, sorted
classes-heat = Gain by superclass
classes-heat_text = Mean gain of each superclass in percentage points, one column per experiment. { $rows }
classes-heat_caption = Mean shrunken estimate over the classes of a superclass, in percentage points. Blue is a gain, orange a loss.
classes-heat_caption_classes = Shrunken estimates in percentage points. Blue is a gain, orange a loss.
classes-heat_classes = Gain by class
classes-no_heat = This data set has no superclasses, and too many classes for a heat map.
classes-none = Gains by class need predictions by example of an augmentation and of the baseline.

## Confusion matrices

confusion-title = Confusion matrices
confusion-lead = Rows are true classes, columns are predictions, summed over seeds. Confusions are blue, the diagonal is grey; colour grows with the square root of the share, so that rare confusions are visible.
confusion-pairs = Most confused pairs on { $data }
confusion-pairs_note = Share of the true class's test images, percent, mean over seeds.
confusion-col-true = True class
confusion-col-predicted = Predicted
confusion-matrix = { $name } ({ $experiment })
confusion-matrix_text = Confusion matrix of { $classes } classes over { $seeds ->
    [one] 1 seed
   *[other] { $seeds } seeds
}. Accuracy: { $right } %. Most confused: { $pairs }.
confusion-ordered = Classes are ordered by superclass.
confusion-matrices = Matrices
confusion-zoom_in = Zoom in
confusion-zoom_out = Zoom out
confusion-hover = Point at the matrix to read a pair.
confusion-read = { $t } → { $p }: { $n } of { $all } ({ $share } %)
confusion-pair = { $true } → { $predicted } { $share } %
confusion-none = No predictions by example are known.
confusion-axis_true = true class
confusion-axis_predicted = predicted class

## Calibration

calibration-title = Calibration
calibration-lead = Accuracy against confidence in bins of equal mass, all seeds together. Below the diagonal a model is overconfident, above it underconfident. ECE is the expected calibration error.
calibration-figure = Reliability · { $experiment }
calibration-figure_text = Accuracy against confidence in percent. { $rows }
calibration-row_text = { $name }: expected calibration error { $ece } percentage points.
calibration-confidence = confidence, %
calibration-right = accuracy, %
calibration-caption = ECE by seed, pp: { $rows }
calibration-table = Before and after temperature scaling
calibration-note = ECE by chance is what a perfectly calibrated network would show on a test set of this size. Each run's logits are divided by one temperature fitted on its validation images. The remaining error is not one of scale; a dash means that no validation images were held out.
calibration-col-before = ECE, %
calibration-col-floor = ECE by chance, %
calibration-col-temperature = Temperature
calibration-col-after = ECE after scaling, %
calibration-none = No confidences of predictions are known.

## Local and global cues

cues-title = Local and global cues
cues-about = { $scenes } scenes; estimate [95 % interval over seeds and scenes]
cues-lead = Each image has one local cue (the orientation of a grating) and one global cue (the order of four glyphs); each is changed alone while the rest of the image stays: { $scenes } test scenes, { $runs } runs.
cues-decision-not-judged = The two explanations of CutMix were not compared; this needs one ResNet and one ViT, each with and without CutMix, whose predictions depend on the cues.
cues-decision-few-seeds = The results do not decide between the explanations: { $seeds ->
    [one] 1 seed
   *[other] { $seeds } seeds
}, and three are needed.
cues-decision-favours = The results favour this explanation: { $account }.
cues-decision-neither = The results favour neither explanation; each predicts something that was not observed.
cues-decision-against = The results contradict this explanation: { $account }. They do not decide whether the other one holds.
cues-decision-open = The results do not decide between the explanations.
cues-account-breaks-locality = CutMix breaks the ResNet's locality: it lowers the ResNet's LRI and leaves the ViT's unchanged
cues-account-area-labels = CutMix's area labels fit texture, not arrangement: it raises LRI in both
cues-expect-below = expected below 0
cues-expect-above = expected above 0
cues-expect-equivalent = expected within the margin
cues-rule = Same rule as for claims: 95 % intervals over seeds and scenes, at least three seeds; a change of LRI below { $margin } counts as none, by the 90 % interval.
cues-chart = LRI: which cue decides a prediction
cues-chart_text = Local reliance index from −1, the global cue alone, to 1, the local cue alone, by experiment, with 95 % intervals. { $rows }
cues-differences = LRI: differences
cues-differences_text = Differences of the local reliance index with 95 % intervals. { $rows }
cues-row = { $name }: { $value }.
cues-by_global = the global cue
cues-by_local = the local cue
cues-more_global = more global
cues-more_local = more local
cues-matched = Balance of the two cues: accuracy of the model when it is trained on one cue alone, without mixing.
cues-match = { $name }: { $local } % with the local cue, { $glob } % with the global cue (training runs of each: { $trainings })
cues-table = All experiments and test splits
cues-note = A_L, A_G: share of predictions that change when the local or the global cue is set to another value. LRI = (A_L − A_G) / (A_L + A_G). Conflict: whose class is predicted where the cues differ. The other columns are accuracies by test split; chance is one in six.
cues-figure-local = A_L
cues-figure-global = A_G
cues-figure-lri = LRI
cues-figure-conflict-local = conflict: local
cues-figure-conflict-global = conflict: global
cues-figure-conflict-neither = conflict: neither
cues-split-iid = both cues
cues-split-conflict = cues differ (local)
cues-split-local-only = local alone
cues-split-global-only = global alone
cues-split-shuffled = quadrants shuffled
cues-split-low-pass = low-pass

## Analyses

analyses-title = Analyses
analyses-none = No analysis was made. `mixscope analyze` probes the finished runs of a study: attribution maps, robustness, similarity of features.
analyses-lead = Probes of the trained models: augmentations compared within a model, models compared under an augmentation, and the difference of these differences. Intervals are 95 % each, not corrected for their number: they are exploratory and decide no claim.
analyses-about = { $images } images; estimate [95 % interval over { $seeds ->
    [one] images; one seed, so the variation between seeds is not known
   *[several] seeds and images
}]
analyses-differences = differences (* the interval excludes 0)
analyses-clear = { $n ->
    [one] { $clear } of 1 difference has an interval that excludes 0
   *[other] { $clear } of { $n } differences have an interval that excludes 0
}
analyses-clearest = { $text }; the clearest:
analyses-images = Images analysed: { $n }.
analyses-one_seed = There is a single seed, so these intervals count images only; variation between seeds is not known.
analyses-more = more
analyses-less = less
analyses-forest_text = Differences. { $rows }
analyses-curve_text = From the first to the last value. { $rows }
analyses-more_charts = More charts
analyses-experiment = Experiment
analyses-levels = Levels
analyses-table-experiments = Values by experiment
analyses-table-contrasts = All differences
analyses-col-figure = Metric
analyses-col-where = Stratum
analyses-col-kind = Comparison
analyses-col-between = Between
analyses-col-difference = Difference
analyses-kind-gain = Augmentations within a model
analyses-kind-model = Models under an augmentation
analyses-kind-difference-of-gains = Difference of differences
analyses-kind_short-gain = { "" }
analyses-kind_short-model = { "" }
analyses-kind_short-difference-of-gains = Difference of differences ·
attribution-no-stages = { $network }: timm lists no stages of it, so Grad-CAM has no map
attribution-no-map = { $network }: { $layer } returns { $shape }, which is not a map, so Grad-CAM is not available
attribution-no-attention = { $model } has no attention blocks over patches
attribution-coarse = its map is { $rows } x { $columns }, too coarse to localize; this needs { $fewest } x { $fewest }
attribution-fewer = based on { $kept } of { $images } images{ $most ->
    [null] { "" }
   *[other] , { $most } at most
}{ $empty ->
    [0] { "" }
   *[other] ; up to { FIXED($empty, digits: 1) } % of a run's maps are empty
}
analyses-attribution-title = Attribution maps
analyses-attribution-lead = Maps of the true class. Where the data have a bounding box, the share of a map's mass inside it is compared; a uniform map would have the box's share of the image. Objects are near the centre, and maps may be too, so the share beyond that of the mean map of the run's other images in the same box is also shown; it is 0 for a map that does not follow the object. Maps coarser than 8 x 8 cannot locate an object and are left out.
analyses-calibration-title = Calibration
analyses-calibration-lead = Expected calibration error over bins of equal mass, and negative log-likelihood; diagrams before and after temperature scaling on validation images.
analyses-features-title = Features
analyses-features-lead = Accuracy of ten nearest neighbours and of a linear probe on the last features; debiased linear CKA and error consistency (kappa) between runs, on the diagonal between seeds (point at a cell for its 95 % interval over seeds and images; summary.md of the analysis has all of them); maps by t-SNE and PCA with one seed and one sample, a colour or ring for each class. Distances between clusters of a t-SNE have no meaning.
analyses-mixtures-title = Predictions on mixed images
analyses-mixtures-lead = Two images of different classes are mixed at eleven ratios. Solid: probability of the first image's class; dashed: of the partner's class; dotted: the ratio. Gradients: similarity of the loss gradient at two pixels, by their distance.
analyses-robustness-title = Robustness
analyses-robustness-lead = Accuracy on corrupted, attacked, shuffled and filtered images. The area of a curve is its mean over all strengths divided by the accuracy on clean images; 1 means nothing is lost. A model with lower clean accuracy can have the larger area.
analyses-sheet = { $data }: one image, the maps of every run beside it
analyses-sheet_text = The box is that of the object, where the data have one. Below each column: the predicted class, its confidence, and whether it is right.
analyses-diagram-plain = Before scaling
analyses-diagram-scaled = After scaling
analyses-likeness-cka = CKA of last features
analyses-likeness-kappa = Error consistency
analyses-layers = Layers: { $rows }, { $columns }
analyses-map-tsne = t-SNE
analyses-map-pca = PCA
analyses-own = first image's class
analyses-partner = partner's class
analyses-inputs-mixup = MixUp inputs
analyses-inputs-cutmix = CutMix inputs
analyses-share = share of the first image, %
analyses-said = probability, %
analyses-gradients = Similarity of input gradients
analyses-distance = distance, pixels
analyses-right = accuracy, %
analyses-severity = severity
analyses-strength-shuffle = patches per side, 2^x
analyses-strength-drop = patches per side, 2^x
analyses-strength-low-pass = frequencies kept, %
analyses-strength-high-pass = frequencies removed, %
analyses-strength-fgsm = epsilon, 1/255
analyses-strength-pgd = epsilon, 1/255
analyses-figure-inside-gradcam = Grad-CAM in the box
analyses-figure-inside-integrated = Integrated gradients in the box
analyses-figure-inside-rollout = Attention rollout in the box
analyses-figure-over-gradcam = Beyond the box, Grad-CAM
analyses-figure-over-integrated = Beyond the box, integrated gradients
analyses-figure-over-rollout = Beyond the box, attention rollout
analyses-figure-follows-gradcam = Beyond the mean map, Grad-CAM
analyses-figure-follows-integrated = Beyond the mean map, integrated gradients
analyses-figure-follows-rollout = Beyond the mean map, attention rollout
analyses-figure-area = Box
analyses-figure-ece = ECE
analyses-figure-nll = NLL
analyses-figure-brier = Brier
analyses-figure-ece-scaled = ECE after scaling
analyses-figure-nll-scaled = NLL after scaling
analyses-figure-brier-scaled = Brier after scaling
analyses-figure-accuracy = Accuracy
analyses-figure-knn = Nearest neighbours
analyses-figure-probe = Linear probe
analyses-figure-mass-mixup = Probability of both classes, MixUp inputs
analyses-figure-mass-cutmix = Probability of both classes, CutMix inputs
analyses-figure-off-mixup = Deviation from the ratio, MixUp inputs
analyses-figure-off-cutmix = Deviation from the ratio, CutMix inputs
analyses-figure-near = Gradients, near pixels
analyses-figure-far = Gradients, far pixels
analyses-figure-clean = Clean accuracy
analyses-figure-area-noise = Noise
analyses-figure-area-blur = Blur
analyses-figure-area-contrast = Contrast
analyses-figure-area-jpeg = JPEG
analyses-figure-area-shuffle = Shuffled patches
analyses-figure-area-drop = Dropped patches
analyses-figure-area-low-pass = Low-pass
analyses-figure-area-high-pass = High-pass
analyses-figure-area-fgsm = FGSM
analyses-figure-area-pgd = PGD

## Health checks of runs

health-title = Health checks
health-lead = Checks for mistakes that would invalidate a result, made in every run. A failed check limits what can be concluded from its experiment.
health-well = All { $count } checks of { $runs } runs passed.
health-failed = { $failed } of { $count } checks of { $runs } runs failed.
health-table = Checks by experiment
health-note = Numbers of runs: passed / failed. A dash: not checked, or not applicable.
health-sentences = Failed checks
health-checkpoints = Effect of choosing the epoch
health-checkpoints_note = Test top-1 in percent by checkpoint, mean over seeds. Choosing the checkpoint on the test split biases it upwards.
health-problems = Differences from the study
health-gates = What limits verdicts
health-states = Runs that are not done
health-versions = Runs of this study were made with { $count } versions of the code: { $digests }.
health-col-check = Check
health-col-sentence = Finding
health-col-seeds = Runs
health-checkpoint-last = Last epoch
health-checkpoint-selected = Best on validation
health-checkpoint-best-on-test = Best on test
health-none = No health checks are known.

check-input-contract = input contract
check-input-scale = scale of the first batches
check-model-input = input size of the model
check-batch-norm-drift = batch norm statistics
check-macro-recall = macro recall equals top-1
check-never-predicted = every class is predicted
check-precision-recall-gap = precision against recall
check-training-metrics = training metrics
check-pretraining-data = pretraining data
check-checkpoint-selection = choice of the epoch

input-contract = { $severity ->
    [ok] training and evaluation inputs agree: { $size } px, mean { FIXED($mean, digits: 3) }, std { FIXED($std, digits: 3) }
   *[fail] training and evaluation inputs differ: { $differences }
}
input-differs = { $field } of { $split } is { $value }, of training { $expected }
input-scale = { $severity ->
    [ok] the first batches of training and evaluation have the same scale
   *[warn] the first batches of training and evaluation have different scales
}: mean { FIXED($train_mean, digits: 2) } and { FIXED($eval_mean, digits: 2) }, std { FIXED($train_std, digits: 2) } and { FIXED($eval_std, digits: 2) }
model-input = { $severity ->
    [note] the model takes images of any size and gets { $size } px
    [ok] the model sees { $size } px as { $tokens } tokens
   *[fail] the model is built for { $model_size } px and gets { $size } px
}
batch-norm-drift = { $severity ->
    [note] the model has no batch norm
    [ok] batch norm statistics fit clean images: { FIXED($train_mode_top1, digits: 1) } % in train mode, { FIXED($eval_mode_top1, digits: 1) } % in eval mode
   *[warn] batch norm statistics do not fit clean images: { FIXED($train_mode_top1, digits: 1) } % in train mode, { FIXED($eval_mode_top1, digits: 1) } % in eval mode
}
macro-recall = { $severity ->
    [ok] { $predictions }: macro recall { FIXED($macro_recall) } % equals top-1 on a balanced set
    [note] { $predictions }: classes differ in size, macro recall { FIXED($macro_recall) } %, top-1 { FIXED($top1) } %
   *[warn] { $predictions }: macro recall { FIXED($macro_recall) } % differs from top-1 { FIXED($top1) } % on a balanced set
}
never-predicted = { $predictions }: { $never } of { $classes } classes { $never ->
    [one] is
   *[other] are
} never predicted
precision-recall-gap = { $predictions }: macro precision { FIXED($macro_precision) } % exceeds recall { FIXED($macro_recall) } % by { SIGNED($gap_pp) } pp (warning from { SIGNED($threshold_pp, digits: 1) } pp)
training-metrics = { $severity ->
    [ok] last epoch: loss { FIXED($train_loss, digits: 3) }, clean training accuracy { FIXED($clean_train_top1, digits: 1) } %, lambda-weighted { FIXED($lam_weighted_train_top1, digits: 1) } %
   *[warn] training metrics are missing: { $missing }
}
pretraining-data = { $severity ->
    [ok] the initial weights were not trained on what this run is evaluated on
   *[warn] { $remarks }
}
weights-saw-method = the weights { $weights } were trained with { $method } ({ $source })
weights-method-unknown = it is not known whether the weights { $weights } were trained with { $method }
weights-saw-classes = the classes of { $data } are among those that the weights { $weights } were trained on
weights-classes-unknown = it is not known whether the weights { $weights } were trained on the classes of { $data }
checkpoint-selection = test top-1 by checkpoint: { $top1 }
checkpoint-top1 = { $checkpoint } { FIXED($top1) } %
loss-not-finite = the training loss became { $loss } in epoch { $epoch }, { $first_step ->
    [-1] step { $last_step }
   *[other] one of the steps { $first_step } to { $last_step }
}, at learning rate { SIG($lr) }, with the training images { $images }; { $file } holds the model; a lower optim.lr, warm-up or optim.clip_norm may help

## Runs that are missing, damaged or different

and-more = { $texts } and { $count } more
run-seeds = { $experiment } { $seeds_count ->
    [one] seed
   *[other] seeds
} { $seeds }
run-reason = { $run }: { $reason }
run-label = { $experiment } seed { $seed }
runs-pending = { $count ->
    [one] 1 run has not started
   *[other] { $count } runs have not started
}: { $runs }
runs-running = { $count ->
    [one] 1 run is running
   *[other] { $count } runs are running
}: { $runs }
runs-interrupted = { $count ->
    [one] 1 run is interrupted
   *[other] { $count } runs are interrupted
}: { $runs }
runs-failed = { $count ->
    [one] 1 run failed
   *[other] { $count } runs failed
}: { $reasons }
runs-damaged = { $count ->
    [one] the records of 1 run are damaged and left out
   *[other] the records of { $count } runs are damaged and left out
}: { $reasons }
runs-stale = { $count ->
    [one] 1 run with other settings than the study's is left out
   *[other] { $count } runs with other settings than the study's are left out
}: { $runs }
run-hung = gave no sign of life and was killed; see its log, or raise --hang-seconds
run-killed = was killed by the system, probably for want of memory; { less-memory }
run-interrupted = was interrupted
run-out-of-memory = { $text }; { less-memory }
run-ended = ended with exit code { $code }; see { $log }
run-other-settings = { $run } was run with other settings: { $changes ->
    [none] another digest
   *[other] { $changes }
}
less-memory = run fewer at once (--slots), set a smaller run.eval_batch_size, or set train.accumulate=2 in another study: the batch of a step stays the same, but batch norm sees it in parts
no-reason-recorded = no reason is recorded
located-error = { $text }
recorded-error = { $text }
settings-differ = recorded settings differ from the study's: { $runs }
value-of-runs = { $value } ({ $runs })
code-differs = runs were made with different versions of the code: { $groups }
code-changed = the code changed during runs: { $versions }
data-differs = runs did not have the same { $data } data: { $groups }
checkpoint-rules-differ = runs follow different checkpoint rules: { $groups }
checkpoint-rule = protocol { $protocol } with { $checkpoints }
packages-differ = package versions differ between runs: { $groups }
devices-differ = runs were made on different devices: { $groups }
checks-failed = { $count ->
    [one] a health check failed
   *[other] { $count } health checks failed
}: { $checks }
weights-remarks = { $remarks }: { $runs }
outside-band = accuracy outside the range in the literature: { $found }
run-outside-band = { $run } { FIXED($top1, digits: 1) } %, literature { $bands }
band = { $low ->
    [none] at most about { $high } %
   *[other] { $low } to { $high } %
} ({ $recipe })
band-small-stem = small stem, 200 epochs
band-imagenet-stem = ImageNet stem at 32 px
band-full-recipe = small patches, full recipe
band-weak-recipe = weak recipe
band-published = published recipes

## Damaged records

record-repair = { $record ->
    [status] remove that file, and the same `mixscope train` or `study run` resumes from the last checkpoint
    [summary] remove it, and the same `mixscope train` or `study run` writes it again from the checkpoint
   *[run] restore it from a copy, or remove the folder of the run and make the run again
}
record-not-json = { $path }: is not valid JSON, the file is damaged; { record-repair }
record-misfit = { $path }: { $problem }; the file is damaged; { record-repair }
record-value = { $key } is { $value }, expected { $expected }
record-incomplete = has no { $keys }
record-no-kind = no JSON object with a kind
expected-text = a text
expected-truth = true or false
expected-whole = a whole number, { $least } or more
expected-threads = a number of threads, 1 to { $most }
expected-number = a finite number
expected-amount = a finite number, 0 or more
expected-rate = a finite number above 0
expected-share = a number from 0 to 1
expected-time = a time as 2026-01-31T12:00:00+0000
expected-state = one of { $states }
expected-mapping = a mapping
expected-findings = findings of health checks
expected-seeds = a list of seeds, or their number
expected-list = a list
expected-or-null = { $expected } or null
record-chain = { $path }: config.yaml has the settings { $own } and { $record } is of a run with { $digest }: config.yaml was edited, or one folder has files of two runs; undo that, or remove the folder and make the run again
record-stranger = { $path }: has the records of a run with other settings ({ $digest }, where the name of the folder says { $own }), so the folder was copied or renamed; remove it, and `mixscope study run` repeats the run
summary-stranger = { $path }: is of a run with other settings ({ $digest }); remove it, and `mixscope study run` writes it again from the checkpoint
summary-lost = { $path }: is { $state } and has lost its summary.json; the same `mixscope train` or `study run` evaluates its checkpoint and writes it again
summary-not-yet = { $path }: has no summary because it is { $state }; `mixscope train` resumes it
summary-contradicts = { $path }: its checkpoint { $checkpoint } gives top-1 { FIXED($top1, digits: 2) } % of { $images } images of { $split }, and its summary.json has { FIXED($told_top1, digits: 2) } % of { $told_images }; nothing is overwritten: one of the two was changed, so remove the folder and make the run again
record-unreadable = { $path }: cannot be read ({ $reason })
record-schema = { $path }: is not of schema { $schema }, which this version of mixscope reads; the file is damaged; { record-repair }
record-newer = { $path }: was written by a newer mixscope (schema { $found }, this one reads { $schema }); update mixscope, nothing of the run is lost
record-event = { $path }, line { $line }: is not an event of a run ({ $problem }); the file is damaged: remove that line, and the run keeps its results and checkpoints, only its curves lose the removed epoch
record-lost-events = { $path }: is done and has lost its events.jsonl; put it back, or an empty file, and the run keeps its results and checkpoints, only its curves are lost
record-lost-config = { $path }: has lost its config.yaml; the same `mixscope train` or `study run` writes it again and keeps all else
record-lost-status = { $path }: has lost its status.json; the same `mixscope train` or `study run` takes the run up from its last checkpoint
record-unknown = { $path }: has records of a run and no config.yaml, and nothing proves which run it is; put config.yaml back, or move the folder away and make the run again
record-config = { $problem }; this run directory is damaged or of another version: put config.yaml back, or remove it, and the same `mixscope train` or `study run` writes it again
predictions-missing = { $path }: has no predictions { $name } (available: { $available })
predictions-damaged = { $path }: is damaged ({ $reason }); `mixscope eval { $run }` writes it again
predictions-lengths = { $path }: ids, labels and logits differ in length; `mixscope eval { $run }` writes it again
predictions-stranger = { $path }: is of a run with settings { $digest }, and this run has { $own }; `mixscope eval { $run }` writes it again
predictions-contradict = { $path }: is damaged (top-1 is { FIXED($top1, digits: 2) } % of { $images } images where summary.json has { FIXED($told_top1, digits: 2) } % of { $told_images }); `mixscope eval { $run }` evaluates the checkpoints again
predictions-other-examples = { $path }: its test examples differ from those of the experiment's other runs
runs-other-examples = evaluated on different examples: { $runs }

## What runs lack before they start

missing-title = { $count } things are missing, so that nothing was started:
missing-data = data { $data } is not prepared under { $root }: run `mixscope data prepare { $data }`, or give a copy with --source
missing-data-damaged = { $problem }
missing-weights = { $problem }
missing-weights-unchecked = the pretrained weights could not be checked ({ $problem })
missing-disk = disk: { $runs ->
    [one] 1 run that has not begun leaves
   *[other] { $runs } runs that have not begun leave
} about { $needed }, and { $free } are free under { $folder }; free some space, or give another place with --out
missing-memory = memory: a run of { $name } holds about { $needed }, and this machine gives { $limit } to all; set a smaller train.batch_size or run.eval_batch_size, or run it on a larger machine
missing-memory-together = memory: { $slots } runs at once hold about { $all }, and this machine gives { $limit } to all; give fewer with --slots
instead-scratch = --only { $option }: the runs without pretrained weights
instead-gpu = a GPU: the 24 published experiments took about 4 hours for one seed on an RTX 3090; the same command uses the GPU that it finds
instead-seeds = --seeds 1: { $seconds ->
    [none] the first seed alone
   *[other] { DURATION($seconds) }
}; it gives estimates, but no verdict, which needs { $needed } seeds
instead-two-cores = mixscope study run { $study }: the same experiments with narrow networks on fewer images, sized to finish on two CPU cores
instead-quickstart = mixscope study run quickstart: the whole procedure in minutes, on handwritten digits

## Cost and progress of a study

unit-d = { $n } d
unit-h = { $n } h
unit-min = { $n } min
unit-s = { $n } s
cost-runs = study     { $study }: { $runs } runs of { $experiments } experiments, { $left } to do, in { $out }
cost-planned = { $runs } runs of { $experiments } experiments, in { $out }
cost-time = time left { DURATION($seconds) }, { $slots ->
    [1] one after the other
   *[other] { $slots } at once
}
cost-time-unknown = time left unknown for { $unknown } of { $runs } runs{ $seconds ->
    [none] { "" }
   *[other] ; the others take { DURATION($seconds) }
}
cost-time-unprepared = time left unknown until the data are prepared
cost-memory = memory    { $size }{ $of ->
    [none] { "" }
   *[other] { " " }of { $of }
}
cost-device = GPU       { $size }
cost-disk = disk      { $size }{ $of ->
    [none] { "" }
   *[other] { " " }of { $of } free
}
cost-basis = basis     { $all_counts }
cost-measured = measured  { $since } with { $threads } threads on { $machine }
cost-loaded = loaded    other programs used { FIXED($busy, digits: 1) } of { $cores } cores when this was measured, so that it may go faster; plan again when they have ended
cost-corrected = corrected steps of this study's own runs take { FIXED($factor) } times as long as in their probes, and estimates from probes are multiplied by it
cost-unknown = unknown   { $why }
cost-warning = warning   { $text }
cost-missing = missing   { $text }
cost-instead = instead   { $text }
cost-instead-title = instead   where that takes too long, or something is missing:
cost-dry-run = dry run   nothing was started
cost-dry-run-refused = dry run   nothing was started; a start is refused until nothing is missing
basis-remembered = other seeds
basis-other-augmentation = another augmentation
basis-measured = measured
basis-unknown = unknown
probe-measures = measuring { $model } at { $size } px, { $precision }, batches of { $batch }{ $why }
probe-old = { " " }again: it was measured { FIXED($days, digits: 0) } days ago
probe-load = { " " }again: other programs use { FIXED($busy, digits: 1) } cores, and used { FIXED($then, digits: 1) } then
probe-not-made = not measured yet; `mixscope study plan` does
probe-not-kept = what was measured cannot be kept: { $problem }
progress-of = { $done }/{ $runs } done
progress-count = { $count } { $what }
progress-rate = { $rate } img/s
progress-eta = eta { DURATION($seconds) }
progress-eta-unknown = eta unknown
progress-in = { $said }  in { $out }
progress-hidden = { $said }  ({ $count } not shown)
progress-line = running  { $runs }; { $said }
progress-run = { $run } epoch { $epoch }/{ $epochs }
progress-more = { $count } more
progress-skipped = skipped: { $reason }
progress-none = none
progress-records = { $caption }; records in { $out }
progress-report = `mixscope report { $out }` tells what they say
progress-no-failed = no run of { $study } has failed in { $out }
progress-again = trying { $failed } of { $runs } runs again, each from its last checkpoint
progress-again-run = again     { $run }  { $error }
progress-sound = sound
progress-not-done = not done  { $runs }
progress-tables = tables    { $folder }
deciding-look = look { $number } of { $of }: { $experiments } experiments at { $seeds } seeds
deciding-decided = decided   { $claim }  { $verdict }
deciding-stuck = stuck     { $claim }  more seeds do not help: { $all_reasons }
deciding-open = open      { $claim }  needs more seeds of { $experiments } experiments
deciding-waits = it needs a claim that is not open
deciding-saved = saved     { $left } of { $runs } runs{ $seconds ->
    [none] { "" }
   *[other] , about { DURATION($seconds) } of training
}
power-spread = standard deviation between runs: { $known ->
    [true] { FIXED($low) }{ " " }pp
   *[false] { FIXED($low) } to { FIXED($high) }{ " " }pp
}, { $source }{ $own ->
    [0] { "" }
    [one] ; separately for 1 experiment
   *[other] ; separately for { $own } experiments
}
power-given = given: { $sd }{ " " }pp
power-published = the range of { $count } standard deviations ({ $published } published{ $own ->
    [0] { "" }
   *[other] , { $own } measured by this project
}; claims/published_sd.csv)
power-pooled = pooled over { $experiments } experiments of { $results }
power-runs = { $runs } runs of { $experiment }
power-counted = power counts seeds alone: the examples of the test set add to what a real study sees
power-nothing = nothing is claimed that power could be computed for: estimates have none
power-no-baseline = no augmentation stands beside a baseline in these results; name it with --baseline LEVEL
power-claim = { $claim }: power at a true effect of { $effect }{ " " }pp{ $strata ->
    [1] { "" }
   *[other] , in all { $strata } strata
}{ $needs_count ->
    [0] { "" }
   *[other] , together with { $needs }, which it needs
}
power-need = { $claim } ({ $effect }{ " " }pp)
power-row = { $n } seeds  { $bar }  { $ends }{ " " }%
power-range = { $low } to { $high }
power-stop = stopping when decided: { FIXED($seeds, digits: 1) } seeds on average
power-cost = cost in hours: { $hours }
power-hours = { $n } seeds { $hours }
power-cost-unknown = cost: not known; { $why }
power-cost-unmeasured = leave out --no-probe to have it measured
power-figure = figure    { $file }
event-started = started
event-adopted = adopted
event-done = done
event-retry = retry
event-gave-up = gave up
event-damaged = damaged
event-lost = lost
event-hung = hung
event-slots = slots
event-stopped = stopped
standing-pending = pending
standing-running = running
standing-partial = partial
standing-failed = failed
standing-damaged = damaged
standing-conflict = conflict
standing-done = done
column-run = run
column-seed = seed
column-state = state
column-time-left = time left
column-memory = memory
column-disk = disk
column-basis = basis
column-epoch = epoch
column-top1 = top1
column-speed = img/s
column-eta = eta

## Gates of verdicts

too-few-seeds = { $seeds ->
    [one] one seed
   *[other] { $seeds } seeds
}; a verdict needs { $needed }
no-common-seed = no seed is common to all its experiments, and the study pairs them by seed
scales-disagree = log-odds say otherwise: { SIGNED($low, digits: 3) } to { SIGNED($high, digits: 3) } logits at { SIGNED($points_pp) } pp
runs-unfinished = { $done } of { $planned } runs are done; the verdict is given at { $seeds } seeds
before-first-look = { $done } of { $planned } runs are done; the first look is at { $seeds } seeds
runs-lost = { $failed } of { $planned } planned runs did not finish ({ $where }); the estimate is of runs that finish
seeds-uncounted = no looks are declared, so claims are judged at the seeds that were planned first ({ $seeds }); { $left ->
    [0] later seeds do not count ({ $later })
    [one] one finished seed is left out ({ $later })
   *[other] { $left } finished seeds are left out ({ $later })
}
claims-edited = claims were edited after { $count ->
    [one] 1 run
   *[other] { $count } runs
} had begun: post hoc
claims-beside = the claims of { $file } are none that { $count ->
    [one] the run
   *[other] the { $count } runs
} recorded when they began: post hoc
seeds-edited = the study was edited after its first run: its seeds do not begin with those that { $count ->
    [one] 1 run
   *[other] { $count } runs
} recorded: post hoc
levels-gone = the study was edited after its first run: it no longer has { $levels }: post hoc
runs-unasked = the study was edited after its first run: { $count ->
    [one] 1 run was
   *[other] { $count } runs were
} begun for it that it no longer asks for ({ $runs }): post hoc
runs-skipped = runs were not begun, or were deleted, that other seeds or experiments of the claim have: { $where }
runs-copied = identical predictions: { $runs }
one-of-strata = one of { $strata } strata: p { SIG($p) } alone is { SIG($corrected) } after correction, above { SIG($alpha) }
on-this-test-set = predictions by example are not known: the interval is of more seeds on this test set
test-size-assumed = number of test examples not known, taken as { FIXED($n, digits: 0) }
few-errors = { FIXED($errors, digits: 1) } errors per run on the test set: below { FIXED($needed, digits: 0) } the interval is too narrow (coverage 0.62 to 0.95 of a nominal 0.95)
one-noisy = { $experiment } has { FIXED($share, digits: 0) } % of the variance over seeds: the interval is too narrow (coverage 0.93 to 0.95), and if a few of its runs are much worse than the others, false SUPPORTED reaches 3 to 9 % in place of 2.5 %; look at its single runs
opposed-experiments = experiments move against each other over seeds (pairing adds { FIXED($added, digits: 0) } % to their variance): the unpaired interval is too narrow (coverage 0.84 to 0.95)
holm = one of { $tests } directional claims: p { SIG($p) } alone is { SIG($p_holm) } after Holm, above { SIG($alpha) }
needs-claim = it needs { $claim }, which is { $verdict }

## The audit of published tables

metric-top1 = top-1
metric-top5 = top-5
metric-precision = precision
metric-recall = recall
metric-f1 = F1
metric-score = score
audit-read = read      { $tables ->
    [one] 1 table
   *[other] { $tables } tables
}, { $rows } rows of figures, { $figures } figures
audit-test-set = test set  { $assumed }
audit-size-given = { $examples } examples (given)
audit-size-known = { $data } { $examples } examples
audit-size-assumed = taken as { $examples } examples (--test-size N says otherwise)
audit-balance-given = balanced (given)
audit-balance-known = balanced
audit-balance-unknown = balance unknown (--balanced says so)
audit-severity = { $kind ->
    [contradiction] contradictions (cannot be as printed)
    [suspicion] suspicions (possible, but unlikely to be right)
   *[note] notes
}: { $count ->
    [0] none
   *[other] { $count }
}
audit-place = { $table ->
    [none] line { $line }
   *[other] table { $table }, line { $line }
}
audit-value-cells = cells
audit-value-headings = headings
audit-value-missing = missing
audit-value-twice = twice
audit-value-difference = difference
audit-value-standard-error = standard error
audit-value-stated = stated
audit-value-from = from
audit-value-to = to
audit-value-figure = figure { $number }
audit-value-pp = { " " }pp
audit-contrasts = contrasts of top-1 (percentage points; 95{ " " }% interval { $several ->
    [true] over seeds where there are any, else from
   *[false] from
} the size of the test set alone)
audit-col-contrast = contrast
audit-col-where = where
audit-col-estimate = estimate
audit-col-interval = 95{ " " }% interval
audit-col-seeds = seeds
audit-col-zero = zero
audit-col-tipping = tipping SD
audit-col-doubtful = rests on doubtful cells
audit-gain = gain
audit-lean = { $lean ->
    [above] above
    [below] below
   *[covers] inside
}{ $agree ->
    [false] , logits disagree
   *[true] { "" }
}
audit-where-pretrained = pretrained
audit-where-scratch = scratch
audit-tipping = tipping SD: the standard deviation between runs from which on the interval covers zero.
audit-single-runs = One table of single runs cannot show that spread: every verdict is EXPLORATORY.
audit-doubt = { $why } ({ $values })
audit-recall-is-top1 = on a balanced test set macro recall equals top-1 accuracy: one of the two is misprinted{ $swapped ->
    [true] ; precision equals top-1, so precision and recall may be swapped
   *[false] { "" }
}
audit-recall-one-unit = they differ by one unit in the last place, which only a mean over runs, rounded up and down, explains
audit-top5-below-top1 = a correct top-1 prediction is also a correct top-5 prediction: top-5 cannot be below top-1
audit-top5-headings = in every row of the table: the two headings are swapped, and are read so
audit-precision-bound = on a balanced test set macro precision is at least the square of macro recall, here { FIXED($least) } %
audit-f1-bound = with this precision and recall macro F1 lies between { FIXED($least) } and { FIXED($most) } % (rounding included)
audit-precision-recall-gap = precision is { FIXED($gap_pp) } pp above recall, as when a network is evaluated on images unlike those it was trained on (another size or scale, batch norm statistics that do not fit)
audit-band-above = above what published recipes reach from scratch: { $bands }
audit-band-below = below what published recipes reach from scratch: { $bands }
audit-band-below-pretrained = pretrained, and still below what published recipes reach from scratch: { $bands }
audit-band-weak = from scratch, and far below the usual recipe; only one explanation fits the literature: { $bands }
audit-printed-twice = table { $table } (line { $line }) prints { $value }, table { $other_table } (line { $other_line }) { $other_value } for the same experiment
audit-no-difference = no other { $metric } of the table is { $gain } away
audit-number-missing = { $name } is missing between others of its kind: not reported, or renamed
audit-number-twice = { $name } is in line { $line } already, for { $first }; here for { $second }
audit-number-repeated = { $name } is in line { $line } already, for the same
audit-pretrained = pretrained
audit-scratch = from scratch
audit-epochs = { $epochs } epochs
audit-another-row = another row
audit-noise = { $contrast } of { $stratum }: within { $spread } (95 % interval [{ SIGNED($low) }, { SIGNED($high) }] pp)
audit-seed-spread = the spread of { $seeds } seeds
audit-sampling-error = the sampling error of { $examples } test examples
audit-order = the text says that { $larger } is above { $smaller }
audit-difference = from { $before } to { $after } it is { $difference }, not { $stated }
audit-difference-table = the table has { $metric } { $before } and { $after }: { $difference }, which is not { $stated } when rounded{ $cut ->
    [true] { " " }(truncated, not rounded)
   *[false] { "" }
}
audit-row-length = the row has more or fewer cells than there are headings; it is left out (where commas separate cells, a decimal comma splits a number in two)
audit-columns-swapped = the columns "{ $first }" and "{ $second }" hold each other's cells; they are read the other way round
audit-cell-under = "{ $value }" stands under "{ $heading }"
audit-shifted-cells = { $cells }; { $outcome ->
    [reordered] in another order every cell fits its column, and the row is read so
    [cell] the cell is left out
    [cells] the cells are left out
   *[row] the row is left out
}
audit-below-zero = a share of examples is never below 0
audit-above-100 = a share of examples is never above 100 %
audit-percent-among-shares = printed in percent where its column prints shares of 1
audit-share-among-percents = a share of 1 in a column of percentages{ $confirmed ->
    [true] ; the other values of the row confirm it
   *[false] { "" }
}
audit-maybe-share = below 1 % where its column is far above: perhaps a share of 1; it is left out
audit-direction = no heading says whether these are accuracies or error rates: read as { $read }, { $basis ->
    [gains] which alone fit the gains stated in cells
    [chance] since as accuracies all would be below chance
    [beside] since those beside them with a like heading are
   *[assumed] an assumption
}
audit-error-unit = nothing says whether these error rates are percent or shares of 1: read as shares of 1, an assumption
audit-read-accuracies = accuracies
audit-read-errors = error rates
audit-percent-signs = { $count } percent signs behind one number
audit-decimal-comma = a decimal comma in a table of decimal points
audit-decimal-point = a decimal point in a table of decimal commas

## Pretraining data

weights-title = Pretraining data
weights-lead = Weights that were trained with MixUp or CutMix, or on the classes of the test set, change what a comparison with them means.
weights-scratch = Every run so far started from random weights.
weights-none = The initial weights are not known.
weights-col-weights = Weights
weights-col-used = Used by
weights-col-data = Trained on
weights-col-mixup = With MixUp
weights-col-cutmix = With CutMix
weights-col-augmentation = Augmentation
weights-col-source = Source
weights-col-sha = File, sha256
weights-declared = declared by the user

## Literature

literature-title = Theory and literature
literature-lead = What was known or predicted about each claim, and what the results above show. Papers differ in recipe, size and budget, so their values are a hint, not an expectation.
literature-col-paper = Paper
literature-col-says = Finding
literature-col-side = On the claim
literature-side-for = supports it
literature-side-against = contradicts it
literature-side-context = context
literature-ours = Our results:
literature-ours_text-SUPPORTED = support the claim in every stratum that was run ({ $strata }).
literature-ours_text-REFUTED = refute the claim ({ $strata }).
literature-ours_text-INCONCLUSIVE = are inconclusive ({ $strata }).
literature-ours_text-NEGLIGIBLE = show an effect too small to matter ({ $strata }).
literature-ours_text-PARTLY = support the claim in some strata only ({ $strata }).
literature-ours_text-UNFINISHED = are not complete ({ $strata }).
literature-ours_text-SCALE-DEPENDENT = depend on the scale ({ $strata }).
literature-ours_text-POST-HOC = were known before the claim was last edited ({ $strata }).
literature-ours_text-EXPLORATORY = are of one seed and only suggestive ({ $strata }).
literature-ours_text-MISSING = are missing; the runs it needs are not done.
literature-ours_text-ESTIMATE = { $strata }.
literature-none = No literature is stored for this claim.
literature-more = More background

## How it was run

how-title = How it was run
how-lead = Everything needed to repeat it. Each run's folder holds its settings, versions, checksums, events and predictions.
how-commands = Commands
how-reading = How the table was read
how-unchecked = Not checked, because the table does not say: { $kinds }
how-versions = Versions
how-hardware = Hardware
how-digests = Digests
how-cost = Time
how-cost_text = { $hours } h of computing in all, { $runs ->
    [one] 1 run
   *[other] { $runs } runs
}; median { $median } per run, { $speed } images/s.
how-cost_note = Time of training and evaluation, summed over runs that may have run in parallel.
how-runs = All runs
how-file = The study as planned
how-col-what = Item
how-col-value = Value
how-col-runs = Runs
how-col-run = Run
how-col-seed = Seed
how-col-state = State
how-col-epochs = Epochs
how-col-time = Time
how-col-speed = Images/s
how-col-device = Device
how-col-code = Code
how-code = code of mixscope
how-revision = revision
how-dirty = changed since
how-data = data { $name }
how-not_yet = Versions, hardware and digests are not known.
how-cpu = { $name }, { $cores } cores, { $memory } GiB
how-device = { $name }, { $threads ->
    [one] 1 thread
   *[other] { $threads } threads
}, { $ranks ->
    [one] 1 rank
   *[other] { $ranks } ranks
}

## Names of factors and levels

factor-data = Data set
factor-model = Model
factor-augmentation = Augmentation
factor-pretrained = Weights
level-cifar10 = CIFAR10
level-cifar100 = CIFAR100
level-tiny-imagenet = Tiny-ImageNet
level-digits = digits
level-resnet = ResNet
level-resnet50 = ResNet50
level-vit = ViT
level-default = Default
level-mixup = MixUp
level-cutmix = CutMix
level-switch = MixUp or CutMix
level-scratch = from scratch
level-imagenet = pretrained
level-pretrained = pretrained

## Titles of the built-in studies

study-quickstart = A small ResNet and a small ViT on handwritten digits
study-resnet-vs-vit = ResNet50 against ViT-Small/16 under MixUp and CutMix
study-resnet-vs-vit-published = ResNet50 against ViT-Small/16, the published settings
study-resnet-vs-vit-small-images = ResNet50 (3x3 stem) against ViT-Small with small patches
study-resnet-vs-vit-two-cores = A narrow ResNet against a narrow ViT under MixUp and CutMix, on two CPU cores
study-resnet-vs-vit-two-cores-short = A narrow ResNet against a narrow ViT on CIFAR-100, 30 epochs
study-local-global = Which of a local and a global cue decides, in a small ResNet and a small ViT

## More of the frame

page-title-sign = a
page-report = report
partial-word = partial
partial-runs = { $done } of { $all } runs are done

## Terminal

judge-head = { $name }: { $done } of { $asked } runs done, { $checkpoint } checkpoint, test split, verdict rules { $rules }
judge-lost = runs that did not finish: { $runs }; estimates are of runs that finish
judge-budget = at every epoch, { $split } split, interval from seeds only
judge-epoch = epoch { $epoch }
judge-seeds = { $seeds } seeds, { $df } df
judge-look = look { $number } of { $of }, at { $seeds } seeds: { $level } % interval [{ SIGNED($low) }, { SIGNED($high) }]; { $next ->
    [none] this was the last look
   *[other] the next look is at { $next } seeds
}
judge-paired = pairing by seed would { $change ->
    [less] remove { $percent } % of the variance over seeds
   *[more] add { $percent } % to the variance over seeds
}
judge-paired_interval = paired by seed: { $interval }
judge-chosen = epoch chosen on the test split: { $interval }, bias { SIGNED($bias) } pp
judge-one_seed = the interval counts test examples only: it holds for these checkpoints, not for new runs
judge-too_small = no number of seeds up to 1,000 would settle it: the test split is too small
judge-exploratory = exploratory: nothing was claimed before these runs; { $tests ->
    [0] no spread between runs is known, so no p
    [one] Holm over 1 contrast
   *[other] Holm over { $tests } contrasts
}
judge-read = read
judge-unchecked = unchecked
judge-size = { $runs } finished runs{ $rows ->
    [0] { "" }
   *[other] , { $rows } rows with mean and spread
}, { $experiments } experiments
judge-bound = counting other test examples too: { $interval } at most
judge-limits = limits { $claims }
compare-settings = settings
compare-made_with = made with
compare-problems = notes
compare-only = only in { $name }: { $experiments }
compare-results = results  (test top-1 %, { $checkpoint } checkpoint; difference in pp with its 95 % interval)
compare-seeds = { $first } and { $second } seeds
compare-all = all experiments
compare-no_run = no finished run
compare-p = p { SIG($p) } after Holm: { $said }
compare-within-noise = within noise
compare-beyond-noise = beyond noise
compare-unknown = unknown
compare-alike = alike
compare-same = the same results, seed by seed, so that no interval is given
compare-total = { $n } experiments: { $counts }
claims-file = claims
claims-edit = edit it before the next results come; claims written after them are not claims
claims-gain = { $augmentation } improves accuracy
claims-gains = { $model } gains more from { $augmentation } than { $over } does
table-failed = { $count } failed
table-experiment = Experiment
table-dataset = Dataset
table-model = Model
table-augmentation = Augmentation
table-pretrained = Pretrained
table-top1 = Top-1 Acc
table-top5 = Top-5 Acc
table-f1 = F1-score
table-nll = NLL
table-ece = ECE
table-precision = Precision
table-recall = Recall
table-seeds = Seeds
table-caption = Test split, percent{ $several ->
    [true] , mean +- standard deviation over seeds
   *[false] { "" }
}; { $epochs }{ $lost ->
    [true] ; means are of runs that finish
   *[false] { "" }
}
table-last = last epoch
table-best-on-test = the epoch that is best on the test split itself (protocol published), so optimistic

## Sentences and tables for papers

said-head-contrast = contrast
said-head-estimate = estimate (pp)
said-head-interval = 95 % CI
said-head-seeds = seeds
said-head-p_holm = p (Holm)
said-head-p = p
said-head-verdict = verdict
said-accuracy = top-1 accuracy
said-in = { " " }in { $where }
said-gain-up = { $what } improved { $where } by { FIXED($size, digits: 1) } pp
said-gain-down = { $what } lowered { $where } by { FIXED($size, digits: 1) } pp
said-gain-open = { $what } changed { $where } by { SIGNED($value, digits: 1) } pp, which does not differ from 0 beyond noise
said-gain-single = { $what } changed { $where } by { SIGNED($value, digits: 1) } pp
said-difference-up = { $what } was { FIXED($size, digits: 1) } pp above { $other }{ $in }
said-difference-down = { $what } was { FIXED($size, digits: 1) } pp below { $other }{ $in }
said-difference-open = { $what } and { $other } differed by { SIGNED($value, digits: 1) } pp{ $in }, not beyond noise
said-difference-single = { $what } and { $other } differed by { SIGNED($value, digits: 1) } pp{ $in }
said-gains-up = { $what } gained { FIXED($size, digits: 1) } pp more in { $where } than in { $other }
said-gains-down = { $what } gained { FIXED($size, digits: 1) } pp less in { $where } than in { $other }
said-gains-open = The gains of { $what } in { $where } and { $other } differed by { SIGNED($value, digits: 1) } pp, not beyond noise
said-gains-single = the gains of { $what } in { $where } and { $other } differed by { SIGNED($value, digits: 1) } pp
said-gains-single-first = The gains of { $what } in { $where } and { $other } differed by { SIGNED($value, digits: 1) } pp
said-contrast-beyond = { $what }{ $in } was { SIGNED($value, digits: 1) } pp
said-contrast-open = { $what }{ $in } was { SIGNED($value, digits: 1) } pp, not beyond noise
said-contrast-single = { $what }{ $in } was { SIGNED($value, digits: 1) } pp
said-one-run = In single runs, which show no spread, { $said }
said-no-spread = With no spread between runs known, { $said }
said-capped = { $verdict }: { $said }
said-capped-why = { $verdict } ({ $all_why }): { $said }
said-negligible = { $said }, a difference within the margin of { $margin } pp
said-equivalent = { $said }, equivalent to none within the margin of { $margin } pp
said-not-equivalent = { $said }, not equivalent: beyond the margin of { $margin } pp
said-ends = { $level } % CI { FIXED($low, digits: 1) } to { FIXED($high, digits: 1) }
said-no-interval = no interval
said-seeds = { $few ->
    [one] one seed
   *[other] { $few } seeds
}
said-seeds-range = { $few } to { $many } seeds
said-method-welch = Welch t
said-method-paired = paired t
said-method-examples = test examples only
said-basis-examples = examples paired
said-basis-set = on this test set
said-p = p { $p }
said-p-small = p < 0.001
said-p_holm = p { $p } after Holm
said-p_holm-small = p < 0.001 after Holm
said-unchecked = Not checked, because the results do not say: { $all_kinds }

## What was found out in reading a table or logs

read-table = { $all_parts }
read-role = { $role } = "{ $heading }"
read-left-out = left out: { $headings }
read-factor = factor "{ $factor }"
read-factor-model = factor "{ $factor }" (model)
read-factor-pretraining = factor "{ $factor }" (pretraining)
read-factor-augmentation = factor "{ $factor }" (augmentation, baseline { $baseline })
read-factor-no-baseline = factor "{ $factor }" (augmentation, no baseline found: --baseline LEVEL)
read-unit-percent = accuracies in percent
read-unit-share = accuracies as shares of 1
read-unused = not used, though it differs between rows: { $headings } (--column factor=HEADING takes one as a factor)
read-assumed = no heading says whether these are accuracies or error rates: read as accuracies ("error" in the heading, or --column error=HEADING, says otherwise)
read-best = the accuracy is the best over epochs, selected on what it reports: it flatters every run
read-validation = the accuracy is of a validation split: if epochs or settings were chosen on it, it flatters
read-spread-kind = kind of spread not said: taken over n, and widened by sqrt(S / (S - 1))
read-no-seeds = no column of seeds: runs are numbered in order and not paired
read-no-n_test = number of test examples not known (--n-test N): no bound for other test examples
read-single = one run of { $experiments }{ $more ->
    [0] { "" }
   *[other] { " " }and { $more } more
}: a verdict needs 3 seeds; train more or take it as exploratory
read-empty = no finished run of { $experiments }{ $more ->
    [0] { "" }
   *[other] { " " }and { $more } more
}: nothing that needs it can be judged
read-encoding = text decoded as { $encoding }
read-which-table = table { $number } of { $count } (--table N takes another)
read-last-epoch = a row for each "{ $heading }" of a run: the last one counts
read-logged = { $program }: { $what }
read-metric-last = { $metric } at the last epoch of { $runs } runs
read-metric-best = { $metric } at the epoch with the best { $by } of { $runs } runs
read-metric-once = { $metric } as logged once in each of { $runs } runs
read-selected = { $metric } is selected on what it reports: the best of its own epochs flatters every run
read-ends = runs end at different epochs ({ $first } to { $last }): unfinished or stopped early?
read-names = settings are not recorded or do not vary: experiments are told apart by their names
read-programs = log files of several programs: { $counts }; those of { $program } were taken, give the folder of the others to import them
