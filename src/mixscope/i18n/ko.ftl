# mixscope의 한국어 문구. 형식은 Project Fluent(https://projectfluent.org/fluent/guide)입니다.
# en.ftl과 같은 메시지, 같은 매개변수를 가집니다(테스트가 비교합니다). 용어는 docs/reference/glossary.md를 따릅니다.

## 보고서의 틀

page-skip = 결론으로 건너뛰기
absent-title = 이 보고서에 없는 내용
page-contents = 목차
page-theme = 밝게 또는 어둡게
page-made = mixscope { $version }, 연구 { $name }, 다이제스트 { $digest }
page-read_from = { $source }에서 읽은 결과
page-made_from = mixscope { $version }, 결과 파일 { $source }
page-as_of = { $time } 기준 기록
page-unit_pp = %p
page-yes = 예
page-no = 아니요
page-unknown = 알 수 없음
page-none = 없음
page-seed = 시드 { $seed }
page-some_seeds = 차트에는 실험마다 시드 최대 { $seeds }개 중 처음 { $shown }개만 나타냅니다. 평균, 구간, 표는 모든 시드로 계산했습니다.
page-of = { $done }/{ $all }

partial-title = 아직 완료되지 않은 보고서입니다
partial-text = 실행 { $all }개 중 { $done }개가 끝났습니다. 나머지 실행이 필요한 결과는 빼거나 따로 표시했으며, 빠진 값을 채워 넣지 않았습니다.
partial-nothing = 아직 끝난 실행이 없어 결과가 없습니다. 계획과, 시작한 실행의 검증 결과는 아래에 있습니다.
partial-missing = 끝나지 않은 실행
partial-lost = 실험별 실패하거나 손상된 실행: { $where }. 추정은 끝난 실행에 대한 것입니다.
partial-unreadable = 읽을 수 없는 기록

state-pending = 시작 전
state-running = 실행 중
state-interrupted = 중단됨
state-failed = 실패
state-damaged = 손상됨
state-done = 완료

## 판정

verdict-SUPPORTED = 지지
verdict-REFUTED = 기각
verdict-INCONCLUSIVE = 판정 보류
verdict-NEGLIGIBLE = 무시할 수준
verdict-PARTLY = 일부 지지
verdict-UNFINISHED = 미완료
verdict-SCALE-DEPENDENT = 척도 의존
verdict-POST-HOC = 사후 가설
verdict-EXPLORATORY = 탐색적
verdict-MISSING = 자료 부족
verdict-ESTIMATE = 추정

meaning-SUPPORTED = 신뢰구간이 0을 기준으로 가설이 말하는 쪽에 있습니다. 동등성 가설이라면 90% 신뢰구간이 허용 한계 안에 있습니다.
meaning-REFUTED = 신뢰구간이 0의 반대쪽에 있습니다. 동등성 가설이라면 허용 한계 밖에 있습니다.
meaning-INCONCLUSIVE = 현재 실행만으로는 입증도 배제도 할 수 없거나, 검증 항목이 판정을 제한합니다.
meaning-NEGLIGIBLE = 신뢰구간이 허용 한계 안에 있습니다. 효과가 있더라도 의미를 두기에는 작습니다.
meaning-PARTLY = 일부 층에서만 지지됩니다. 층 사이에 차이가 있다는 말은 검정으로 확인될 때만 합니다.
meaning-UNFINISHED = 끝난 층에서는 판정이 났고, 다른 층에는 끝난 실행이 없습니다.
meaning-SCALE-DEPENDENT = 퍼센트포인트와 로그 오즈의 방향이 서로 반대입니다.
meaning-POST-HOC = 첫 실행 뒤에 가설을 고쳤으므로 예측으로 볼 수 없습니다.
meaning-EXPLORATORY = 시드가 하나입니다. 신뢰구간은 이 체크포인트에만 해당하며, 다른 실행에 대해서는 알 수 없습니다.
meaning-MISSING = 필요한 실행이 끝나지 않았습니다.
meaning-ESTIMATE = 가설 없이 효과의 크기만 추정합니다.

answer-title = 결론
answer-none = 미리 세운 가설이 없어 판정도 없습니다.
answer-capped = 판정 제한: { $gates }
answer-mind = 참고: { $gates }
answer-uncapped = 신뢰구간만 보면 { $verdict }
answer-open = 테스트 세트의 표집 오차만으로도 결론을 내릴 수 없습니다
answer-elsewhere = 외부 결과: 실행 전에 무엇을 가설로 세웠는지 기록이 없습니다
answer-primary = 첫 실행 전에 적어 둔 가설
answer-secondary = 추정과 이차 가설
answer-no_interval = 신뢰구간 없음
answer-needs_runs = 끝나지 않은 실행: { $names }
answer-best = { $data } 최고 성능: { $experiment }, top-1 { $value }%{ $interval } (시드 { $seeds }개 평균)
answer-best_one = { $data } 최고 성능: { $experiment }, top-1 { $value }%{ $interval } (시드 1개)
answer-best_next = 다음은 { $experiment }, { $difference }%p 낮음{ $interval }
answer-best_tie = 나머지 { $of }개 중 { $count }개와 우열을 가릴 수 없음: 차이의 신뢰구간이 0을 포함합니다
answer-look = 시드 { $seeds }개 시점에 { $level }% 신뢰구간 [{ $low }, { $high }](으)로 판정
answer-look_next = 시드 { $seeds }개 시점에 { $level }% 신뢰구간 [{ $low }, { $high }](으)로 판정, 다음 판정은 시드 { $next }개
answer-rules = 판정 규칙 버전 { $rules }에 따른 판정입니다.
answer-edited = 첫 실행 뒤에 고친 가설
answer-unrecorded = 연구의 가설. 첫 실행 전에 세웠다는 기록은 없습니다
answer-seeds_needed = 실험마다 시드가 { $n }개이면 어느 쪽으로든 판정할 수 있습니다(검정력 80%, 효과가 추정값과 같다면)
answer-tipping = 실행 간 표준편차가 { $sd }%p이면 이 결과는 사라집니다
answer-margin = 허용 한계 { $margin }%p
answer-expect-above = 가설: 0보다 큼
answer-expect-below = 가설: 0보다 작음
answer-expect-equivalent = 가설: 허용 한계 이내
answer-expect-none = 가설 없음, 추정만
answer-strata_all = 연구 전체

why-above = { $level }% 신뢰구간이 0보다 큽니다
why-below = { $level }% 신뢰구간이 0보다 작습니다
why-crosses = { $level }% 신뢰구간이 0을 포함하고 허용 한계 { $margin }%p를 벗어납니다
why-inside = { $level }% 신뢰구간이 허용 한계 { $margin }%p 안에 있습니다
why-outside = 신뢰구간이 허용 한계 { $margin }%p 밖에 있습니다
why-beyond = 신뢰구간이 허용 한계 { $margin }%p를 벗어납니다
why-missing = 끝난 실행이 없습니다: { $experiments }
why-one-seed = 시드 하나로는 실행 간 변동을 알 수 없습니다
why-limited = { $all_gates }
why-no-claim = 가설 없이 추정만 합니다
why-strata = { $all_parts }
why-all-strata = 층 { $strata }개 모두 { $verdict }
why-named-strata = 층 { $strata }개 중 { $count }개에서 { $verdict }({ $where })
why-some-strata = 층 { $strata }개 중 { $count }개에서 { $verdict }
why-strata-differ = 층 사이에 차이가 있습니다(p { SIG($p, digits: 2) })
why-strata-alike = 층 사이의 차이는 확인되지 않습니다(p { SIG($p, digits: 2) })

gate-seeds = 시드가 3개 미만
gate-unfinished = 계획한 실행이 끝나지 않음
gate-failed = 계획한 실행이 실패하거나 손상됨
gate-claims = 첫 실행 뒤에 가설을 쓰거나 고침
gate-plan = 첫 실행 뒤에 연구를 고침
gate-copied = 예측이 동일한 실행이 있음
gate-settings = 설정이 연구와 다름
gate-code = 코드 버전이 서로 다름
gate-data = 데이터가 서로 다름
gate-checkpoint = 체크포인트 규칙이 서로 다름
gate-health = 통과하지 못한 검증 항목이 있음
gate-scales = 로그 오즈로는 반대 방향임
gate-holm = 가설 또는 층에 대한 보정 후 유의하지 않음
gate-needs = 전제가 되는 가설이 성립하지 않음

problem-missing = 없는 실행
problem-unfinished = 끝나지 않은 실행
problem-failed = 실패한 실행
problem-damaged = 손상된 기록
problem-stale = 제외한 실행
problem-settings = 설정
problem-code = 코드
problem-data = 데이터
problem-checkpoint = 체크포인트
problem-health = 검증 항목
problem-weights = 사전 학습 데이터
problem-band = 문헌
problem-packages = 패키지
problem-device = 장치

## 대비

contrasts-title = 대비(contrast)
contrasts-lead = 막대 하나가 테스트 top-1 향상폭의 차이(%p)와 95% 신뢰구간을 나타냅니다. 띠는 첫 실행 전에 정한 허용 한계, 작은 점은 개별 시드입니다. 신뢰구간이 0을 포함하면 방향을 알 수 없습니다.
contrasts-lead_chosen = 판정은 마지막 에폭을 기준으로 합니다. 테스트 세트에서 가장 좋았던 에폭의 대비는 아래 표에 함께 있습니다.
contrasts-figure_text = 포레스트 플롯. { $rows }
contrasts-row_text = { $name }: { $value }, 신뢰구간 { $low } ~ { $high }.
contrasts-row_short = { $name }: { $value }, 신뢰구간 없음.
contrasts-below = 0보다 작음
contrasts-above = 0보다 큼
contrasts-secondary = 이차 가설
contrasts-details = 모든 대비와 통계량
contrasts-none = 아직 대비가 없습니다.
contrasts-explored = 실행 전에 세운 가설이 없으므로 탐색적 분석입니다. 기준 조건 대비 모든 향상폭과 향상폭의 차이를 95% 구간과 함께 보이며, p값은 이 모두에 대해 Holm 방법으로 보정했습니다.
contrasts-explored_no_p = 실행 전에 세운 가설이 없으므로 탐색적 분석입니다. 기준 조건 대비 모든 향상폭과 향상폭의 차이를 보입니다. 실행 간 변동을 알 수 없어 p값과 판정이 없습니다.
contrasts-explored_gain = { $baseline } 대비 향상폭
contrasts-explored_difference = { $over } 대비 향상폭의 차이
contrasts-explored_table = 모든 향상폭과 향상폭의 차이
contrasts-gain_of = { $what }의 향상폭
contrasts-gains_of = { $what }의 향상폭 차이
contrasts-examples_only = { $ends }(테스트 데이터의 오차만)
contrasts-no_interval = { $value }(신뢰구간 없음)
contrasts-lead_elsewhere = 막대 하나가 가설이 말하는 테스트 top-1 차이(%p)와 95% 신뢰구간을 나타냅니다. 띠는 가설 파일에 적힌 허용 한계, 작은 점은 개별 시드입니다. 신뢰구간이 0을 포함하면 방향을 알 수 없습니다.
contrasts-hollow = 속이 빈 표시는 보기보다 약한 근거입니다(시드가 하나이거나 판정을 제한하는 항목이 있음). 안쪽의 굵은 막대는 동등성 가설의 90% 신뢰구간입니다.
contrasts-col-claim = 가설
contrasts-col-contrast = 대비
contrasts-col-bound = 다른 테스트 데이터까지, %p [95%]
contrasts-col-stratum = 층
contrasts-col-verdict = 판정
contrasts-col-points = 추정값, %p [95%]
contrasts-col-logits = 로짓 [95%]
contrasts-col-bootstrap = 부트스트랩, %p [95%]
contrasts-col-error = 표준오차, %p
contrasts-col-seed_share = 시드 분산의 비율
contrasts-col-degrees = 자유도
contrasts-col-seeds = 시드
contrasts-col-shared = 짝짓기로 줄어드는 분산
contrasts-col-p = p (Holm)
contrasts-col-needed = 검정력 80%에 필요한 시드
contrasts-col-tipping = 임계 표준편차, %p
contrasts-col-chosen = 테스트 최고 에폭, %p [95%]
contrasts-col-gates = 판정 제한과 참고 사항
contrasts-notes = 참고 사항 { $count }개

## 가설이 없을 때

unchecked-planned_runs_all_there = 계획한 실행이 모두 있는지
unchecked-claims_fixed_before_the_runs = 가설을 실행 전에 정했는지
unchecked-settings = 설정
unchecked-code = 코드
unchecked-training_data = 학습 데이터
unchecked-checkpoint_rule = 체크포인트 규칙
unchecked-health_of_training = 학습 상태
unchecked-same_test_examples = 테스트 데이터가 같은지
unchecked-no_copied_runs = 복사된 실행이 없는지

explored-estimate = 추정값
explored-interval = 95% 신뢰구간
explored-bound = 다른 테스트 데이터까지
explored-seeds = 시드
explored-verdict = 판정
explored-points = { SIGNED($value) }%p
explored-better = 더 좋음
explored-worse = 더 나쁨
explored-gains-more = { $model }의 향상폭이 더 큼
explored-few-seeds = 미정(시드 { $seeds }개, 판정에는 { $needed }개 필요)
explored-never = 미정(시드를 1,000개까지 늘려도 정해지지 않음)
explored-undecided = 미정(검정력 80%에 시드 약 { $seeds }개 필요)
explored-missing = 끝난 실행 없음: { $all_experiments }
explored-open = 판정 없음(실행 간 변동을 알 수 없고, 테스트 데이터의 오차만으로도 결론을 낼 수 없음)
explored-tipping = 판정 없음(실행 간 변동을 알 수 없음. 표준편차가 { FIXED($sd, digits: 2) }%p이면 차이가 사라짐)

## 결과

results-title = 결과
results-lead = 테스트 세트의 top-1 정확도(%)입니다. 표시 하나가 시드 하나, 가로선이 평균입니다.
results-lead_elsewhere = 다른 곳에서 학습한 모델입니다. 값을 읽은 방법은 마지막 절에 있습니다.
results-lead_last = 테스트 세트는 마지막 에폭까지 사용하지 않았으며, 값은 모두 마지막 에폭의 것입니다. 에폭을 골랐다면 무엇이 달라졌을지는 아래 체크포인트 표에 있습니다.
results-lead_best = 값은 테스트 세트에서 가장 좋은 에폭의 것이므로(published 프로토콜) 실제보다 높게 나옵니다. 그 정도는 아래 체크포인트 표에 있습니다.
results-figure = { $stratum }: 실험별 top-1
results-figure_text = 테스트 top-1(%) 점 도표. { $rows }
results-row_text = { $name }: 시드 { $seeds }개 평균 { $mean }.
results-row_none = { $name }: 끝난 실행 없음.
results-published = 논문값
results-table = 모든 실험
results-sort_hint = 열 제목을 누르면 그 열로 정렬합니다.
results-sort = { $column } 열로 정렬
results-best_badge = 최고
results-tie_badge = 공동 최고
results-col-experiment = 실험
results-col-seeds = 시드
results-col-each = 시드별 값
results-col-top1 = Top-1, %
results-col-top5 = Top-5, %
results-col-precision = 정밀도, %
results-col-recall = 재현율, %
results-col-f1 = F1, %
results-col-nll = NLL, nats
results-col-ece = ECE, %
results-col-published = 논문 top-1, %
results-col-difference = 재현 − 논문, %p
results-mean_sd = 평균 ± 표준편차
results-spread = 평균 ± 시드 간 표준편차입니다. 시드가 하나면 표준편차가 없습니다. 정밀도, 재현율, F1은 매크로 평균입니다.
results-published_note = 논문값은 해당 논문의 설정과 시드 하나로 얻은 것이며 일부는 오류가 확인되었습니다. 비교를 위해 함께 보일 뿐 목표값이 아닙니다.
results-doubts = † 논문 표의 행에 대한 감사 결과
results-published_none = 논문값이 주어지지 않았습니다. --reference 파일(CSV 또는 Markdown)을 주면 나란히 보여 줍니다.

## 사전 학습

pretraining-title = 사전 학습의 효과
pretraining-lead = 각 줄은 처음부터 학습한 결과(빈 표시)와 사전 학습 가중치에서 시작한 결과(채운 표시)를 잇습니다. 작은 표시는 개별 시드입니다. 사전 학습 데이터는 아래에 있으며, 이 비교로 말할 수 있는 범위를 제한합니다.
pretraining-none = 이 연구에는 초기 가중치를 정하는 요인이 없어 사전 학습의 효과를 볼 수 없습니다.
pretraining-waiting = 이를 보여 줄 실행이 아직 끝나지 않았습니다.
pretraining-figure = { $data }: 처음부터 학습과 사전 학습
pretraining-figure_text = 테스트 top-1(%). { $rows }
pretraining-row_text = { $name }: 처음부터 { $before }, 사전 학습 { $after }, 차이 { $difference }%p.
pretraining-claims = 판정
pretraining-scratch = 처음부터
pretraining-pretrained = 사전 학습

## 학습 곡선

curves-title = 학습 곡선
curves-lead = 곡선 하나가 실행 하나입니다. 혼합 증강을 쓸 때 학습 정확도는 혼합하지 않은 학습 이미지 일부에서 잰 값입니다. 두 레이블 중 하나에 대한 정확도는 의미가 없기 때문입니다.
curves-loss = 학습 손실, nats
curves-loss_note = 혼합 레이블의 손실은 0이 될 수 없으므로 증강이 다르면 손실을 비교할 수 없습니다.
curves-accuracy = 정확도, %
curves-accuracy_val = 실선: 검증 이미지, 파선: 혼합하지 않은 학습 이미지
curves-accuracy_test = 실선: 테스트 이미지(published 프로토콜은 에폭마다 평가), 파선: 혼합하지 않은 학습 이미지
curves-accuracy_train = 파선: 혼합하지 않은 학습 이미지
curves-lr = 학습률
curves-speed = 처리량, 이미지/초
curves-epoch = 에폭
curves-figure_text = { $experiment }의 에폭별 { $what }, 실행마다 곡선 하나. { $rows }
curves-row_text = { $name }: { $epochs }에폭 동안 { $first }에서 { $last }(으)로.
curves-none = 에폭별 값이 없습니다.
curves-published = 논문 곡선
curves-published_note = 흐린 점선은 같은 실험의 공개 로그 { $count }개이며, 설정이 다릅니다.

## 학습 예산에 따른 향상폭

budget-title = 학습 예산에 따른 향상폭
budget-lead = 같은 차이를 에폭마다 나타낸 것입니다. 학습 도중 부호가 바뀌는 향상폭은 학습 예산에 따라 달라지므로, 마지막 에폭의 판정은 그 예산에서만 성립합니다.
budget-gains = 기준 조건 대비 향상폭
budget-contrasts = 가설의 대비
budget-figure_claim = { $claim }
budget-figure_text = 에폭별 { $split } 이미지 정확도 차이(%p). { $rows }
budget-row_text = { $name }: { $start }에폭 { $first }, { $end }에폭 { $last }, 시드 { $seeds }개.
budget-split-val = 검증
budget-split-test = 테스트
budget-note = 굵은 선: 시드 평균. 가는 선: 개별 시드. 띠: 시드만으로 구한 95% 신뢰구간. { $split } 이미지에서 잰 값이며 판정에는 쓰지 않습니다.
budget-none = 같은 에폭의 값을 가진 두 증강이 없습니다.

## 클래스

classes-title = 클래스별 향상폭
classes-lead = 기준 조건 대비 각 클래스의 재현율 변화를 크기순으로 나타냅니다. 진한 막대는 그림의 모든 클래스에 대해 거짓 발견율(FDR) 5%로 0과 다르고(Benjamini-Hochberg), 흐린 막대는 우연일 수 있습니다. 눈금은 축소 추정값(shrinkage)으로, 새 연구의 결과를 예측하기에 더 낫습니다.
classes-single = 시드가 하나면 테스트 세트의 표집 오차만 반영되어 유의한 클래스가 지나치게 많아 보입니다.
classes-figure = { $augmentation } · { $stratum }
classes-figure_text = 클래스 { $classes }개의 재현율 향상폭, 크기순(%p). { $certain }개가 0과 다릅니다. 최대: { $top }. 최소: { $bottom }.
classes-certain = 클래스 { $classes }개 중 { $count }개가 0과 다릅니다
classes-most = 가장 많이 향상된 클래스:
classes-least = 가장 적게 향상되거나 가장 많이 떨어진 클래스:
classes-sorted = 클래스, 크기순
classes-heat = 상위 클래스별 향상폭
classes-heat_text = 상위 클래스의 평균 향상폭(%p), 실험마다 한 열. { $rows }
classes-heat_caption = 상위 클래스에 속한 클래스들의 축소 추정값 평균(%p). 파랑은 향상, 주황은 하락입니다.
classes-heat_caption_classes = 축소 추정값(%p). 파랑은 향상, 주황은 하락입니다.
classes-heat_classes = 클래스별 향상폭
classes-no_heat = 이 데이터셋에는 상위 클래스가 없고, 히트맵으로 그리기에는 클래스가 너무 많습니다.
classes-none = 클래스별 향상폭을 보려면 한 증강과 기준 조건의 예제별 예측이 필요합니다.

## 혼동 행렬

confusion-title = 혼동 행렬
confusion-lead = 행은 실제 클래스, 열은 예측 클래스이며 시드에 대해 합했습니다. 혼동은 파랑, 대각선은 회색입니다. 드문 혼동도 보이도록 색은 비율의 제곱근에 비례합니다.
confusion-pairs = { $data }에서 가장 많이 혼동한 클래스 쌍
confusion-pairs_note = 실제 클래스의 테스트 이미지 중 비율(%), 시드 평균입니다.
confusion-col-true = 실제 클래스
confusion-col-predicted = 예측 클래스
confusion-matrix = { $name } ({ $experiment })
confusion-matrix_text = 클래스 { $classes }개, 시드 { $seeds }개의 혼동 행렬. 정확도 { $right }%. 가장 많이 혼동한 쌍: { $pairs }.
confusion-ordered = 클래스는 상위 클래스 순서입니다.
confusion-matrices = 행렬
confusion-zoom_in = 확대
confusion-zoom_out = 축소
confusion-hover = 행렬 위를 가리키면 클래스 쌍이 표시됩니다.
confusion-read = { $t } → { $p }: { $all }개 중 { $n }개 ({ $share }%)
confusion-pair = { $true } → { $predicted } { $share }%
confusion-none = 예제별 예측이 없습니다.
confusion-axis_true = 실제 클래스
confusion-axis_predicted = 예측 클래스

## 보정

calibration-title = 보정(calibration)
calibration-lead = 예측 수가 같은 구간(bin)별 예측 확률(confidence)과 정확도이며, 모든 시드를 합쳤습니다. 대각선 아래는 과신(overconfident), 위는 과소신(underconfident)입니다. ECE는 기대 보정 오차입니다.
calibration-figure = 신뢰도 다이어그램 · { $experiment }
calibration-figure_text = 예측 확률에 따른 정확도(%). { $rows }
calibration-row_text = { $name }: 기대 보정 오차 { $ece }%p.
calibration-confidence = 예측 확률, %
calibration-right = 정확도, %
calibration-caption = 시드별 ECE, %p: { $rows }
calibration-table = 온도 스케일링 전과 후
calibration-note = 우연에 의한 ECE는 완벽하게 보정된 신경망이 이 크기의 테스트 세트에서 보일 값입니다. 실행마다 로짓을, 검증 이미지에서 맞춘 온도 하나로 나눕니다. 그 뒤에 남는 오차는 스케일의 문제가 아닙니다. 줄표는 검증 이미지를 따로 두지 않았다는 뜻입니다.
calibration-col-before = ECE, %
calibration-col-floor = 우연에 의한 ECE, %
calibration-col-temperature = 온도
calibration-col-after = 스케일링 후 ECE, %
calibration-none = 예측의 확신도가 없습니다.

## 국소 단서와 전역 단서

cues-title = 국소 단서와 전역 단서
cues-about = 장면 { $scenes }개, 추정값 [시드와 장면에 대한 95% 신뢰구간]
cues-lead = 이미지마다 국소 단서(격자무늬의 방향)와 전역 단서(기호 네 개의 순서)가 하나씩 있고, 나머지는 그대로 둔 채 하나씩만 바꿉니다. 테스트 장면 { $scenes }개, 실행 { $runs }개.
cues-decision-not-judged = CutMix에 대한 두 설명을 비교하지 않았습니다. CutMix를 쓴 것과 쓰지 않은 것을 모두 갖춘 ResNet과 ViT가 하나씩 있어야 하고, 예측이 단서에 따라 달라져야 합니다.
cues-decision-few-seeds = 시드가 { $seeds }개뿐이라 두 설명을 구별할 수 없습니다. 3개 이상 필요합니다.
cues-decision-favours = 결과는 다음 설명을 지지합니다: { $account }.
cues-decision-neither = 결과는 어느 설명도 지지하지 않습니다. 두 설명 모두 예측이 빗나간 부분이 있습니다.
cues-decision-against = 결과는 다음 설명과 어긋납니다: { $account }. 다른 설명이 맞는지는 알 수 없습니다.
cues-decision-open = 결과만으로는 두 설명을 구별할 수 없습니다.
cues-account-breaks-locality = CutMix는 ResNet의 국소성을 깬다. ResNet의 LRI는 낮추고 ViT의 LRI는 그대로 둔다
cues-account-area-labels = CutMix의 면적 레이블은 질감에는 맞지만 배치에는 맞지 않는다. 두 모델 모두 LRI를 높인다
cues-expect-below = 예측: 0보다 작음
cues-expect-above = 예측: 0보다 큼
cues-expect-equivalent = 예측: 허용 한계 이내
cues-rule = 가설 판정과 같은 규칙입니다. 시드와 장면에 대한 95% 신뢰구간을 쓰고, 시드는 3개 이상이어야 합니다. LRI 변화가 { $margin }보다 작으면 변화가 없는 것으로 보며, 이는 90% 신뢰구간으로 판정합니다.
cues-chart = LRI: 예측을 정하는 단서
cues-chart_text = 실험별 국소 의존 지수와 95% 신뢰구간. −1은 전역 단서만, 1은 국소 단서만 쓴다는 뜻입니다. { $rows }
cues-differences = LRI: 차이
cues-differences_text = 국소 의존 지수의 차이와 95% 신뢰구간. { $rows }
cues-row = { $name }: { $value }.
cues-by_global = 전역 단서
cues-by_local = 국소 단서
cues-more_global = 더 전역적
cues-more_local = 더 국소적
cues-matched = 두 단서의 균형: 혼합 없이 단서 하나만으로 학습한 모델의 정확도입니다.
cues-match = { $name }: 국소 단서 { $local } %, 전역 단서 { $glob } % (단서마다 학습 { $trainings }회)
cues-table = 모든 실험과 테스트 분할
cues-note = A_L, A_G: 국소 또는 전역 단서를 다른 값으로 바꾸었을 때 예측이 바뀌는 비율. LRI = (A_L − A_G) / (A_L + A_G). 충돌: 두 단서가 다를 때 어느 쪽 클래스로 예측하는지. 나머지 열은 테스트 분할별 정확도이며, 무작위 수준은 1/6입니다.
cues-figure-local = A_L
cues-figure-global = A_G
cues-figure-lri = LRI
cues-figure-conflict-local = 충돌: 국소
cues-figure-conflict-global = 충돌: 전역
cues-figure-conflict-neither = 충돌: 둘 다 아님
cues-split-iid = 두 단서 모두
cues-split-conflict = 단서 불일치 (국소)
cues-split-local-only = 국소 단서만
cues-split-global-only = 전역 단서만
cues-split-shuffled = 사분면 섞기
cues-split-low-pass = 저역 통과

## 분석

analyses-title = 분석
analyses-none = 분석 결과가 없습니다. `mixscope analyze`로 끝난 실행의 어트리뷰션 맵, 강건성, 특징 유사도를 분석할 수 있습니다.
analyses-lead = 학습된 모델을 분석한 결과입니다. 모델 안에서 증강을, 증강 안에서 모델을, 그리고 그 차이의 차이를 비교합니다. 신뢰구간은 각각 95%이고 다중 비교를 보정하지 않았으므로 탐색적이며, 가설 판정에는 쓰지 않습니다.
analyses-about = 이미지 { $images }장, 추정값 [{ $seeds ->
    [one] 이미지에 대한 95% 신뢰구간, 시드가 하나뿐이라 시드에 따른 변동은 알 수 없음
   *[several] 시드와 이미지에 대한 95% 신뢰구간
}]
analyses-differences = 차이 (*는 신뢰구간이 0을 포함하지 않음)
analyses-clear = 차이 { $n }개 가운데 { $clear }개의 신뢰구간이 0을 포함하지 않습니다
analyses-clearest = { $text }. 가장 뚜렷한 것:
analyses-images = 분석한 이미지: { $n }장.
analyses-one_seed = 시드가 하나뿐이라 신뢰구간은 이미지의 표집 오차만 반영합니다. 시드 간 변동은 알 수 없습니다.
analyses-more = 많음
analyses-less = 적음
analyses-forest_text = 차이. { $rows }
analyses-curve_text = 첫 값에서 마지막 값까지. { $rows }
analyses-more_charts = 그림 더 보기
analyses-experiment = 실험
analyses-levels = 수준
analyses-table-experiments = 실험별 값
analyses-table-contrasts = 모든 차이
analyses-col-figure = 지표
analyses-col-where = 층
analyses-col-kind = 비교
analyses-col-between = 대상
analyses-col-difference = 차이
analyses-kind-gain = 모델 내 증강 비교
analyses-kind-model = 증강 내 모델 비교
analyses-kind-difference-of-gains = 차이의 차이
analyses-kind_short-gain = { "" }
analyses-kind_short-model = { "" }
analyses-kind_short-difference-of-gains = 차이의 차이 ·
attribution-no-stages = { $network }: timm에 단계 정보가 없어 Grad-CAM 맵을 만들 수 없습니다
attribution-no-map = { $network }: { $layer }의 출력 { $shape }이 맵이 아니어서 Grad-CAM을 쓸 수 없습니다
attribution-no-attention = { $model }에는 패치에 대한 어텐션 블록이 없습니다
attribution-coarse = 맵 크기({ $rows } x { $columns })가 너무 작아 위치를 나타낼 수 없습니다. { $fewest } x { $fewest } 이상이어야 합니다
attribution-fewer = 이미지 { $images }장 가운데 { $kept }장으로 계산했습니다{ $most ->
    [null] { "" }
   *[other] { " " }(최대 { $most }장)
}{ $empty ->
    [0] { "" }
   *[other] . 빈 맵은 실행당 최대 { FIXED($empty, digits: 1) }%입니다
}
analyses-attribution-title = 어트리뷰션 맵
analyses-attribution-lead = 정답 클래스에 대한 맵입니다. 데이터에 바운딩 박스가 있으면 맵의 질량 중 박스 안에 있는 비율을 비교합니다. 균일한 맵이라면 박스의 면적 비율과 같습니다. 물체는 대개 가운데에 있고 맵도 그럴 수 있으므로, 같은 박스에서 그 실행의 다른 이미지들의 평균 맵보다 얼마나 높은지도 함께 봅니다. 물체를 따라가지 않는 맵이라면 0입니다. 8 x 8보다 성긴 맵은 위치를 알 수 없어 제외했습니다.
analyses-calibration-title = 보정(calibration)
analyses-calibration-lead = 예측 수가 같은 구간으로 구한 기대 보정 오차(ECE)와 음의 로그 가능도(NLL)입니다. 그림은 검증 이미지로 온도 스케일링을 하기 전과 후입니다.
analyses-features-title = 특징(feature)
analyses-features-lead = 마지막 특징의 10-최근접 이웃 정확도와 선형 프로빙 정확도, 실행 간 편향 제거 선형 CKA와 오류 일치도(카파; 대각선은 시드 간. 칸을 가리키면 시드와 이미지에 대한 95% 신뢰구간이 나오고, 전체는 이 분석의 summary.md에 있음), 같은 시드와 표본으로 그린 t-SNE와 PCA입니다. 점의 색과 모양(고리)은 클래스를 나타냅니다. t-SNE에서 군집 사이의 거리에는 의미가 없습니다.
analyses-mixtures-title = 혼합 이미지에 대한 예측
analyses-mixtures-lead = 클래스가 다른 두 이미지를 열한 가지 비율로 혼합합니다. 실선은 첫 이미지의 클래스, 파선은 상대 이미지의 클래스에 대한 확률, 점선은 혼합 비율입니다. 그래디언트는 두 픽셀에서 손실 그래디언트의 유사도를 거리별로 나타낸 것입니다.
analyses-robustness-title = 강건성
analyses-robustness-lead = 손상, 적대적 공격, 패치 섞기, 주파수 필터를 적용한 이미지의 정확도입니다. 곡선의 면적은 모든 강도에 대한 평균을 원본 이미지의 정확도로 나눈 값이며, 1이면 성능 저하가 없습니다. 원본 정확도가 낮은 모델의 면적이 더 클 수 있습니다.
analyses-sheet = { $data }: 이미지 하나와 모든 실행의 맵
analyses-sheet_text = 박스는 데이터에 있을 때 물체의 바운딩 박스입니다. 각 열 아래는 예측 클래스와 예측 확률, 정답 여부입니다.
analyses-diagram-plain = 스케일링 전
analyses-diagram-scaled = 스케일링 후
analyses-likeness-cka = 마지막 특징의 CKA
analyses-likeness-kappa = 오류 일치도
analyses-layers = 레이어: { $rows }, { $columns }
analyses-map-tsne = t-SNE
analyses-map-pca = PCA
analyses-own = 첫 이미지의 클래스
analyses-partner = 상대 이미지의 클래스
analyses-inputs-mixup = MixUp 입력
analyses-inputs-cutmix = CutMix 입력
analyses-share = 첫 이미지의 비율, %
analyses-said = 확률, %
analyses-gradients = 입력 그래디언트의 유사도
analyses-distance = 거리, 픽셀
analyses-right = 정확도, %
analyses-severity = 강도
analyses-strength-shuffle = 한 변의 패치 수, 2^x
analyses-strength-drop = 한 변의 패치 수, 2^x
analyses-strength-low-pass = 남긴 주파수, %
analyses-strength-high-pass = 제거한 주파수, %
analyses-strength-fgsm = 엡실론, 1/255
analyses-strength-pgd = 엡실론, 1/255
analyses-figure-inside-gradcam = 박스 안 Grad-CAM
analyses-figure-inside-integrated = 박스 안 Integrated Gradients
analyses-figure-inside-rollout = 박스 안 어텐션 롤아웃
analyses-figure-over-gradcam = 박스 면적 대비, Grad-CAM
analyses-figure-over-integrated = 박스 면적 대비, Integrated Gradients
analyses-figure-over-rollout = 박스 면적 대비, 어텐션 롤아웃
analyses-figure-follows-gradcam = 평균 맵 대비, Grad-CAM
analyses-figure-follows-integrated = 평균 맵 대비, Integrated Gradients
analyses-figure-follows-rollout = 평균 맵 대비, 어텐션 롤아웃
analyses-figure-area = 박스
analyses-figure-ece = ECE
analyses-figure-nll = NLL
analyses-figure-brier = Brier
analyses-figure-ece-scaled = 스케일링 후 ECE
analyses-figure-nll-scaled = 스케일링 후 NLL
analyses-figure-brier-scaled = 스케일링 후 Brier
analyses-figure-accuracy = 정확도
analyses-figure-knn = 최근접 이웃
analyses-figure-probe = 선형 프로빙
analyses-figure-mass-mixup = 두 클래스의 확률 합, MixUp 입력
analyses-figure-mass-cutmix = 두 클래스의 확률 합, CutMix 입력
analyses-figure-off-mixup = 혼합 비율과의 차이, MixUp 입력
analyses-figure-off-cutmix = 혼합 비율과의 차이, CutMix 입력
analyses-figure-near = 가까운 픽셀의 그래디언트
analyses-figure-far = 먼 픽셀의 그래디언트
analyses-figure-clean = 원본 정확도
analyses-figure-area-noise = 노이즈
analyses-figure-area-blur = 블러
analyses-figure-area-contrast = 명암 대비
analyses-figure-area-jpeg = JPEG
analyses-figure-area-shuffle = 패치 섞기
analyses-figure-area-drop = 패치 제거
analyses-figure-area-low-pass = 저역 통과
analyses-figure-area-high-pass = 고역 통과
analyses-figure-area-fgsm = FGSM
analyses-figure-area-pgd = PGD

## 실행의 검증 항목

health-title = 검증 항목
health-lead = 결과를 무효로 만들 수 있는 실수가 없는지 모든 실행에서 확인합니다. 통과하지 못한 항목은 해당 실험에서 내릴 수 있는 결론을 제한합니다.
health-well = 실행 { $runs }개의 검증 항목 { $count }건을 모두 통과했습니다.
health-failed = 실행 { $runs }개의 검증 항목 { $count }건 중 { $failed }건을 통과하지 못했습니다.
health-table = 실험별 검증 결과
health-note = 숫자는 실행 수로, 통과 / 미통과입니다. 줄표는 확인하지 않았거나 해당하지 않는다는 뜻입니다.
health-sentences = 통과하지 못한 항목
health-checkpoints = 에폭 선택의 영향
health-checkpoints_note = 체크포인트별 테스트 top-1(%), 시드 평균입니다. 테스트 세트로 체크포인트를 고르면 값이 실제보다 높게 나옵니다.
health-problems = 연구 계획과 다른 점
health-gates = 판정을 제한하는 항목
health-states = 끝나지 못한 실행
health-versions = 이 연구의 실행에 쓰인 코드 버전이 { $count }가지입니다: { $digests }.
health-col-check = 항목
health-col-sentence = 내용
health-col-seeds = 실행
health-checkpoint-last = 마지막 에폭
health-checkpoint-selected = 검증 최고
health-checkpoint-best-on-test = 테스트 최고
health-none = 검증 결과가 없습니다.

check-input-contract = 학습과 평가의 입력 일치
check-input-scale = 첫 배치의 스케일
check-model-input = 모델의 입력 크기
check-batch-norm-drift = 배치 정규화 통계
check-macro-recall = 매크로 재현율과 top-1 일치
check-never-predicted = 모든 클래스 예측
check-precision-recall-gap = 정밀도와 재현율의 차이
check-training-metrics = 학습 지표
check-pretraining-data = 사전 학습 데이터
check-checkpoint-selection = 에폭 선택

input-contract = { $severity ->
    [ok] 학습과 평가의 입력이 같습니다: { $size }px, 평균 { FIXED($mean, digits: 3) }, 표준편차 { FIXED($std, digits: 3) }
   *[fail] 학습과 평가의 입력이 다릅니다: { $differences }
}
input-differs = { $split }의 { $field } { $value }, 학습은 { $expected }
input-scale = { $severity ->
    [ok] 학습과 평가의 첫 배치가 같은 스케일입니다
   *[warn] 학습과 평가의 첫 배치가 다른 스케일입니다
}: 평균 { FIXED($train_mean, digits: 2) } / { FIXED($eval_mean, digits: 2) }, 표준편차 { FIXED($train_std, digits: 2) } / { FIXED($eval_std, digits: 2) }
model-input = { $severity ->
    [note] 모델은 임의 크기의 이미지를 받으며, 입력은 { $size }px입니다
    [ok] 모델은 { $size }px 이미지를 토큰 { $tokens }개로 처리합니다
   *[fail] 모델은 { $model_size }px용인데 입력은 { $size }px입니다
}
batch-norm-drift = { $severity ->
    [note] 모델에 배치 정규화가 없습니다
    [ok] 배치 정규화 통계가 원본 이미지와 맞습니다: 학습 모드 { FIXED($train_mode_top1, digits: 1) }%, 평가 모드 { FIXED($eval_mode_top1, digits: 1) }%
   *[warn] 배치 정규화 통계가 원본 이미지와 맞지 않습니다: 학습 모드 { FIXED($train_mode_top1, digits: 1) }%, 평가 모드 { FIXED($eval_mode_top1, digits: 1) }%
}
macro-recall = { $severity ->
    [ok] { $predictions }: 클래스 균형 데이터에서 매크로 재현율 { FIXED($macro_recall) }%가 top-1과 같습니다
    [note] { $predictions }: 클래스 크기가 다릅니다. 매크로 재현율 { FIXED($macro_recall) }%, top-1 { FIXED($top1) }%
   *[warn] { $predictions }: 클래스 균형 데이터인데 매크로 재현율 { FIXED($macro_recall) }%가 top-1 { FIXED($top1) }%와 다릅니다
}
never-predicted = { $predictions }: 클래스 { $classes }개 중 { $never }개는 한 번도 예측되지 않습니다
precision-recall-gap = { $predictions }: 매크로 정밀도 { FIXED($macro_precision) }%와 재현율 { FIXED($macro_recall) }%의 차이가 { SIGNED($gap_pp) }%p입니다({ SIGNED($threshold_pp, digits: 1) }%p부터 경고)
training-metrics = { $severity ->
    [ok] 마지막 에폭: 손실 { FIXED($train_loss, digits: 3) }, 원본 학습 이미지 정확도 { FIXED($clean_train_top1, digits: 1) }%, 람다 가중 정확도 { FIXED($lam_weighted_train_top1, digits: 1) }%
   *[warn] 학습 지표가 빠져 있습니다: { $missing }
}
pretraining-data = { $severity ->
    [ok] 초기 가중치는 이 실행의 평가 대상으로 학습되지 않았습니다
   *[warn] { $remarks }
}
weights-saw-method = 가중치 { $weights }는 { $method ->
    [MixUp] MixUp을
    [CutMix] CutMix를
   *[other] { $method }을(를)
} 사용해 학습되었습니다({ $source })
weights-method-unknown = 가중치 { $weights }의 학습에 { $method ->
    [MixUp] MixUp을
    [CutMix] CutMix를
   *[other] { $method }을(를)
} 사용했는지 알 수 없습니다
weights-saw-classes = { $data }의 클래스가 가중치 { $weights }의 학습 클래스에 포함됩니다
weights-classes-unknown = 가중치 { $weights }의 학습에 { $data }의 클래스가 쓰였는지 알 수 없습니다
checkpoint-selection = 체크포인트별 테스트 top-1: { $top1 }
checkpoint-top1 = { $checkpoint } { FIXED($top1) }%
loss-not-finite = 학습 손실이 { $loss }이(가) 되었습니다({ $epoch }에폭, { $first_step ->
    [-1] { $last_step }스텝
   *[other] { $first_step }~{ $last_step }스텝 중 하나
}, 학습률 { SIG($lr) }, 학습 이미지 { $images }). 모델은 { $file }에 있습니다. optim.lr을 낮추거나 워밍업 또는 optim.clip_norm을 써 보세요

## 없거나 손상되었거나 다른 실행

and-more = { $texts } 외 { $count }건
run-seeds = { $experiment } { $seeds_count ->
   *[other] 시드
} { $seeds }
run-reason = { $run }: { $reason }
run-label = { $experiment } 시드 { $seed }
runs-pending = 시작하지 않은 실행 { $count }개: { $runs }
runs-running = 진행 중인 실행 { $count }개: { $runs }
runs-interrupted = 중단된 실행 { $count }개: { $runs }
runs-failed = 실패한 실행 { $count }개: { $reasons }
runs-damaged = 기록이 손상되어 제외한 실행 { $count }개: { $reasons }
runs-stale = 연구와 설정이 달라 제외한 실행 { $count }개: { $runs }
run-hung = 응답이 없어 종료했습니다. 로그를 확인하거나 --hang-seconds를 늘리세요
run-killed = 시스템이 종료했습니다. 메모리가 부족했을 가능성이 큽니다. { less-memory }
run-interrupted = 중단되었습니다
run-out-of-memory = 메모리가 부족합니다({ $text }). { less-memory }
run-ended = 종료 코드 { $code }(으)로 끝났습니다. { $log }을(를) 확인하세요
run-other-settings = { $run }은(는) 다른 설정으로 실행되었습니다: { $changes ->
    [none] 다이제스트가 다름
   *[other] { $changes }
}
less-memory = 동시에 실행하는 수(--slots)나 run.eval_batch_size를 줄이거나, 새 연구에서 train.accumulate=2로 설정하세요. 한 스텝의 배치는 그대로이지만 배치 정규화는 나뉜 배치로 계산됩니다
no-reason-recorded = 기록된 원인이 없습니다
located-error = { $path ->
    [none] { "" }
   *[other] { $path }{ $line ->
        [none] { "" }
       *[other] { " " }{ $line }행
    }:{ " " }
}{ $key ->
    [none] { "" }
   *[other] { $key }:{ " " }
}{ $kind ->
    [already-exists] 다른 내용의 파일이나 폴더가 이미 있습니다
    [changed] 이전 단계의 설정, 데이터 또는 기록과 다릅니다
    [conflict] 함께 쓸 수 없는 설정이거나, 같이 필요한 설정이 빠져 있습니다
    [damaged-file] 파일이 잘렸거나 손상되었습니다
    [download-failed] 내려받지 못했습니다
    [duplicate] 하나만 있어야 하는 것이 둘 이상 있습니다
    [inconsistent] 데이터의 내용이 서로 모순됩니다
    [interrupted] 중단되었습니다. 같은 명령을 다시 실행하면 이어서 진행합니다
    [locked] 다른 프로세스가 쓰고 있습니다
    [method-failed] 직접 만든 혼합 기법에서 오류가 났습니다
    [missing-file] 파일이나 폴더가 없습니다
    [missing-key] 필요한 키, 열 또는 옵션이 없습니다
    [missing-results] 끝난 실행이나 결과가 없습니다
    [no-access] 읽거나 쓸 수 없습니다
    [no-space] 디스크 공간이 부족합니다
    [not-comparable] 서로 비교할 수 없는 결과입니다
    [not-finite] 값이 NaN이거나 무한대입니다
    [not-installed] 필요한 패키지나 컴파일러가 설치되어 있지 않습니다
    [not-prepared] 데이터셋이 준비되어 있지 않습니다
    [other-version] 이 버전의 mixscope가 읽을 수 없는 다른 버전의 파일입니다
    [out-of-memory] 메모리가 부족합니다
    [out-of-range] 값이 허용 범위를 벗어났습니다
    [process-failed] 실행한 프로세스가 실패했거나 강제로 종료되었습니다
    [too-few] 이미지, 예제, 시드 또는 실행이 너무 적습니다
    [unavailable] 이 컴퓨터에서 장치나 클러스터를 쓸 수 없습니다
    [unknown-name] 알 수 없는 이름입니다
    [unsafe-file] 너무 크거나 안전하지 않은 파일입니다
    [unsupported] 이 모델, 데이터 또는 파일에는 지원하지 않는 설정입니다
    [usage] 명령을 해석할 수 없습니다
    [wrong-format] 파일이나 폴더의 형식이 다릅니다
    [wrong-type] 값의 종류나 형식이 다릅니다
   *[other] { $text }
}
recorded-error = { $text }
settings-differ = 기록된 설정이 연구의 설정과 다릅니다: { $runs }
value-of-runs = { $value } ({ $runs })
code-differs = 서로 다른 버전의 코드로 실행했습니다: { $groups }
code-changed = 실행 도중 코드가 바뀌었습니다: { $versions }
data-differs = 실행마다 { $data } 데이터가 다릅니다: { $groups }
checkpoint-rules-differ = 실행마다 체크포인트 규칙이 다릅니다: { $groups }
checkpoint-rule = { $protocol } 프로토콜, { $checkpoints }
packages-differ = 실행마다 패키지 버전이 다릅니다: { $groups }
devices-differ = 서로 다른 장치에서 실행했습니다: { $groups }
checks-failed = 통과하지 못한 검증 항목 { $count }건: { $checks }
weights-remarks = { $remarks }: { $runs }
outside-band = 정확도가 문헌의 범위를 벗어납니다: { $found }
run-outside-band = { $run } { FIXED($top1, digits: 1) }%, 문헌은 { $bands }
band = { $low ->
    [none] 최대 약 { $high }%
   *[other] { $low }~{ $high }%
}({ $recipe })
band-small-stem = 작은 스템, 200에폭
band-imagenet-stem = 32px에 ImageNet 스템
band-full-recipe = 작은 패치, 전체 학습 레시피
band-weak-recipe = 약한 학습 레시피
band-published = 논문의 학습 레시피

## 손상된 기록

record-repair = { $record ->
    [status] 이 파일을 지우고 같은 `mixscope train`이나 `study run`을 실행하면 마지막 체크포인트에서 이어집니다
    [summary] 이 파일을 지우고 같은 `mixscope train`이나 `study run`을 실행하면 체크포인트에서 다시 만들어집니다
   *[run] 사본에서 되살리거나, 실행 폴더를 지우고 다시 실행하세요
}
record-not-json = { $path }: 올바른 JSON이 아닙니다. 파일이 손상되었습니다. { record-repair }
record-misfit = { $path }: { $problem }. 파일이 손상되었습니다. { record-repair }
record-value = { $key }의 값이 { $value }입니다(필요한 값: { $expected })
record-incomplete = { $keys }이(가) 없습니다
record-no-kind = kind를 가진 JSON 객체가 아님
expected-text = 문자열
expected-truth = true 또는 false
expected-whole = { $least } 이상의 정수
expected-threads = 1에서 { $most } 사이의 스레드 수
expected-number = 유한한 수
expected-amount = 0 이상의 유한한 수
expected-rate = 0보다 큰 유한한 수
expected-share = 0에서 1 사이의 수
expected-time = 2026-01-31T12:00:00+0000 형식의 시각
expected-state = { $states } 중 하나
expected-mapping = 매핑
expected-findings = 검증 항목의 결과
expected-seeds = 시드 목록 또는 시드 수
expected-list = 목록
expected-or-null = { $expected } 또는 null
record-chain = { $path }: config.yaml의 설정은 { $own }인데 { $record }은(는) { $digest } 실행의 것입니다. config.yaml을 고쳤거나 두 실행의 파일이 한 폴더에 있습니다. 되돌리거나 폴더를 지우고 다시 실행하세요
record-stranger = { $path }: 설정이 다른 실행의 기록입니다({ $digest }, 이름은 { $own }). 폴더를 복사했거나 이름을 바꾸었습니다. 폴더를 지우면 `mixscope study run`이 다시 실행합니다
summary-stranger = { $path }: 설정이 다른 실행({ $digest })의 것입니다. 지우면 `mixscope study run`이 체크포인트에서 다시 만듭니다
summary-lost = { $path }: 상태는 { $state }이지만 summary.json이 없습니다. 같은 `mixscope train`이나 `study run`이 체크포인트를 평가해 다시 만듭니다
summary-not-yet = { $path }: 상태가 { $state }이므로 요약이 없습니다. `mixscope train`이 이어서 실행합니다
summary-contradicts = { $path }: 체크포인트 { $checkpoint }의 { $split } 이미지 { $images }장 top-1은 { FIXED($top1, digits: 2) } %인데 summary.json은 { $told_images }장에서 { FIXED($told_top1, digits: 2) } %입니다. 아무것도 덮어쓰지 않았습니다. 둘 중 하나가 바뀌었으므로 폴더를 지우고 다시 실행하세요
record-unreadable = { $path }: 읽을 수 없습니다({ $reason })
record-schema = { $path }: 이 버전의 mixscope가 읽는 스키마 { $schema }이(가) 아닙니다. 파일이 손상되었습니다. { record-repair }
record-newer = { $path }: 더 새로운 mixscope가 썼습니다(스키마 { $found }, 이 버전은 { $schema }까지 읽음). mixscope를 업데이트하세요. 실행은 그대로 있습니다
record-event = { $path } { $line }행: 실행의 이벤트가 아닙니다({ $problem }). 파일이 손상되었습니다. 그 행을 지우세요. 결과와 체크포인트는 그대로이고 지운 만큼 곡선만 비게 됩니다
record-lost-events = { $path }: 끝난 실행인데 events.jsonl이 없어졌습니다. 파일을 되돌리거나 빈 파일을 두세요. 결과와 체크포인트는 그대로이고 곡선만 없습니다
record-lost-config = { $path }: config.yaml이 없어졌습니다. 같은 `mixscope train`이나 `study run`을 실행하면 다시 쓰고 나머지는 그대로 둡니다
record-lost-status = { $path }: status.json이 없어졌습니다. 같은 `mixscope train`이나 `study run`을 실행하면 마지막 체크포인트에서 이어집니다
record-unknown = { $path }: 실행의 기록은 있지만 config.yaml이 없고, 어느 실행인지 알 수 없습니다. config.yaml을 되돌리거나, 폴더를 옮기고 다시 실행하세요
record-config = { $problem }. 이 실행 폴더는 손상되었거나 다른 버전의 것입니다. config.yaml을 되돌리거나 지우고 같은 `mixscope train`이나 `study run`을 실행하면 다시 씁니다
predictions-missing = { $path }: 예측 { $name }이(가) 없습니다(있는 것: { $available })
predictions-damaged = { $path }: 손상되었습니다({ $reason }). `mixscope eval { $run }`으로 다시 만들 수 있습니다
predictions-lengths = { $path }: ids, labels, logits의 길이가 다릅니다. `mixscope eval { $run }`으로 다시 만들 수 있습니다
predictions-stranger = { $path }: 설정이 { $digest }인 실행의 것이고 이 실행은 { $own }입니다. `mixscope eval { $run }`이 다시 만듭니다
predictions-contradict = { $path }: 손상되었습니다(이미지 { $images }장에서 top-1 { FIXED($top1, digits: 2) } %, summary.json은 { $told_images }장에서 { FIXED($told_top1, digits: 2) } %). `mixscope eval { $run }`이 체크포인트를 다시 평가합니다
predictions-other-examples = { $path }: 테스트 데이터가 같은 실험의 다른 실행과 다릅니다
runs-other-examples = 서로 다른 테스트 데이터로 평가했습니다: { $runs }

## 시작 전에 부족한 것

missing-title = 부족한 것이 { $count }가지 있어 아무것도 시작하지 않았습니다:
missing-data = { $root }에 데이터 { $data }이(가) 준비되어 있지 않습니다. `mixscope data prepare { $data }`을(를) 실행하거나 --source로 사본을 지정하세요
missing-data-damaged = 준비된 데이터를 쓸 수 없습니다: { $problem }. 파일이 손상되었거나 바뀌었다면 데이터 폴더를 지우고 `mixscope data prepare`로 다시 준비하세요
missing-weights = 사전 학습 가중치를 쓸 수 없습니다: { $problem }. model.pretrained=PATH로 가중치 파일을 지정할 수 있습니다
missing-weights-unchecked = 사전 학습 가중치를 확인하지 못했습니다 ({ $problem })
missing-disk = 디스크: 시작하지 않은 실행 { $runs }개가 약 { $needed }을(를) 쓰는데 { $folder }의 여유 공간은 { $free }입니다. 공간을 확보하거나 --out으로 다른 위치를 지정하세요
missing-memory = 메모리: { $name } 실행 하나에 약 { $needed }이(가) 필요한데 이 컴퓨터에서 쓸 수 있는 메모리는 { $limit }입니다. train.batch_size나 run.eval_batch_size를 줄이거나 더 큰 컴퓨터에서 실행하세요
missing-memory-together = 메모리: 동시에 실행하는 { $slots }개에 약 { $all }이(가) 필요한데 이 컴퓨터에서 쓸 수 있는 메모리는 { $limit }입니다. --slots를 줄이세요
instead-scratch = --only { $option }: 사전 학습 가중치를 쓰지 않는 실행만 돌립니다
instead-gpu = GPU: 공개된 실험 24개는 RTX 3090에서 시드 하나에 약 4시간이 걸렸습니다. 같은 명령이 GPU를 찾아 씁니다
instead-seeds = --seeds 1: { $seconds ->
    [none] 첫 시드만 돌립니다
   *[other] { DURATION($seconds) } 걸립니다
}. 추정값은 나오지만 판정은 나오지 않습니다. 판정에는 시드 { $needed }개가 필요합니다
instead-two-cores = mixscope study run { $study }: 좁은 네트워크와 적은 이미지로 하는 같은 실험이며, CPU 코어 2개로 끝낼 수 있는 크기입니다
instead-quickstart = mixscope study run quickstart: 손글씨 숫자로 전체 과정을 몇 분 만에 돌려 봅니다

## 연구의 비용과 진행

unit-d = { $n }일
unit-h = { $n }시간
unit-min = { $n }분
unit-s = { $n }초
cost-runs = 연구      { $study }: 실험 { $experiments }개, 실행 { $runs }개 중 { $left }개 남음, 폴더 { $out }
cost-planned = 실험 { $experiments }개, 실행 { $runs }개, 폴더 { $out }
cost-time = 남은 시간 { DURATION($seconds) }, { $slots ->
    [1] 하나씩 차례로 실행
   *[other] 동시에 { $slots }개씩 실행
}
cost-time-unknown = 남은 시간 미상(실행 { $runs }개 중 { $unknown }개){ $seconds ->
    [none] { "" }
   *[other] , 나머지는 { DURATION($seconds) }
}
cost-time-unprepared = 남은 시간 미상: 데이터를 준비해야 추정할 수 있습니다
cost-memory = 메모리    { $size }{ $of ->
    [none] { "" }
   *[other] { " " }(전체 { $of })
}
cost-device = GPU       { $size }
cost-disk = 디스크    { $size }{ $of ->
    [none] { "" }
   *[other] { " " }(여유 { $of })
}
cost-basis = 추정 근거 { $all_counts }
cost-measured = 측정      { $since }, 스레드 { $threads }개, { $machine }
cost-loaded = 부하      측정할 때 다른 프로그램이 코어 { $cores }개 중 { FIXED($busy, digits: 1) }개를 쓰고 있었으므로 실제로는 더 빠를 수 있습니다. 그 프로그램이 끝난 뒤 plan을 다시 실행하세요
cost-corrected = 조정      이 연구의 실행은 한 스텝에 측정값의 { FIXED($factor) }배가 걸리므로, 측정으로 추정한 시간에 그만큼 곱했습니다
cost-unknown = 미상      { $why }
cost-warning = 경고      { $text }
cost-missing = 부족      { $text }
cost-instead = 대안      { $text }
cost-instead-title = 대안      너무 오래 걸리거나 부족한 것이 있다면:
cost-dry-run = 점검만    아무것도 시작하지 않았습니다
cost-dry-run-refused = 점검만    아무것도 시작하지 않았습니다. 부족한 것을 모두 갖추어야 시작할 수 있습니다
basis-remembered = 다른 시드
basis-other-augmentation = 다른 증강
basis-measured = 측정
basis-unknown = 미상
probe-measures = 속도 측정 중: { $model }, { $size }px, { $precision }, 배치 크기 { $batch }{ $why }
probe-old = { " " }(다시 측정: { FIXED($days, digits: 0) }일 전의 값)
probe-load = { " " }(다시 측정: 다른 프로그램이 쓰는 코어가 { FIXED($then, digits: 1) }개에서 { FIXED($busy, digits: 1) }개로 바뀜)
probe-not-made = 아직 측정하지 않았습니다. `mixscope study plan`이 측정합니다
probe-not-kept = 측정값을 저장할 수 없습니다: { $problem }
progress-of = 완료 { $done }/{ $runs }
progress-count = { $what } { $count }개
progress-rate = 초당 { $rate }장
progress-eta = 남은 시간 { DURATION($seconds) }
progress-eta-unknown = 남은 시간 미상
progress-in = { $said }  폴더 { $out }
progress-hidden = { $said }  (표시하지 않은 실행 { $count }개)
progress-line = 진행     { $runs }; { $said }
progress-run = { $run } 에폭 { $epoch }/{ $epochs }
progress-more = 외 { $count }개
progress-skipped = 건너뜀: { $reason }
progress-none = 없음
progress-records = { $caption }. 기록 폴더: { $out }
progress-report = 결과 해석은 `mixscope report { $out } --lang ko`로 볼 수 있습니다
progress-no-failed = { $out }에 실패한 { $study } 실행이 없습니다
progress-again = 실행 { $runs }개 중 { $failed }개를 마지막 체크포인트부터 다시 실행합니다
progress-again-run = 재시도    { $run }  { $error }
progress-sound = 이상 없음
progress-not-done = 미완료    { $runs }
progress-tables = 표        { $folder }
deciding-look = 판정 { $number }/{ $of }회차: 실험 { $experiments }개, 시드 { $seeds }개
deciding-decided = 결정      { $claim }  { $verdict ->
    [SUPPORTED] { verdict-SUPPORTED }
    [REFUTED] { verdict-REFUTED }
    [NEGLIGIBLE] { verdict-NEGLIGIBLE }
   *[other] { $verdict }
}
deciding-stuck = 결정 불가 { $claim }  시드를 늘려도 결정되지 않습니다: { $all_reasons }
deciding-open = 미정      { $claim }  실험 { $experiments }개에 시드가 더 필요합니다
deciding-waits = 전제인 가설이 더는 판정되지 않습니다
deciding-saved = 절약      실행 { $runs }개 중 { $left }개{ $seconds ->
    [none] { "" }
   *[other] , 학습 시간으로 약 { DURATION($seconds) }
}
power-spread = 실행 간 표준편차: { $known ->
    [true] { FIXED($low) }%p
   *[false] { FIXED($low) }~{ FIXED($high) }%p
}, { $source }{ $own ->
    [0] { "" }
   *[other] . 실험 { $own }개에는 그 실험에서 구한 값을 씁니다
}
power-given = 직접 지정한 값({ $sd }%p)
power-published = 표준편차 { $count }개의 범위(논문값 { $published }개{ $own ->
    [0] { "" }
   *[other] , 이 프로젝트에서 측정한 값 { $own }개
}; claims/published_sd.csv)
power-pooled = { $results }의 실험 { $experiments }개를 합쳐 구한 값
power-runs = { $experiment }의 실행 { $runs }개
power-counted = 검정력은 시드에 따른 변동만 고려합니다. 실제 연구에는 테스트 데이터의 변동이 더해집니다
power-nothing = 검정력을 계산할 가설이 없습니다. 추정에는 검정력이 없습니다
power-no-baseline = 이 결과에는 기준 조건과 비교할 증강이 없습니다. --baseline LEVEL로 기준 조건을 지정하세요
power-claim = { $claim }: 실제 효과가 { $effect }%p일 때의 검정력{ $strata ->
    [1] { "" }
   *[other] , 층 { $strata }개 모두
}{ $needs_count ->
    [0] { "" }
   *[other] , 전제인 가설 { $needs }도 함께
}
power-need = { $claim }({ $effect }%p)
power-row = 시드 { $n }개  { $bar }  { $ends }%
power-range = { $low }~{ $high }
power-stop = 결론이 나는 대로 멈추면 평균 시드 { FIXED($seeds, digits: 1) }개
power-cost = 계산 시간(시간 단위): { $hours }
power-hours = 시드 { $n }개 { $hours }
power-cost-unknown = 계산 시간: 알 수 없음. { $why }
power-cost-unmeasured = --no-probe를 빼면 측정합니다
power-figure = 그림      { $file }
event-started = 시작
event-adopted = 이어받음
event-done = 완료
event-retry = 재시도
event-gave-up = 포기
event-damaged = 손상
event-lost = 없어짐
event-hung = 무응답
event-slots = 동시 실행
event-stopped = 멈춤
standing-pending = 대기
standing-running = 실행 중
standing-partial = 중단
standing-failed = 실패
standing-damaged = 손상
standing-conflict = 설정 다름
standing-done = 완료
column-run = 실행
column-seed = 시드
column-state = 상태
column-time-left = 남은 시간
column-memory = 메모리
column-disk = 디스크
column-basis = 추정 근거
column-epoch = 에폭
column-top1 = top1
column-speed = 장/초
column-eta = 남은 시간

## 판정 제한

too-few-seeds = 시드가 { $seeds }개입니다. 판정에는 { $needed }개가 필요합니다
no-common-seed = 연구는 시드로 짝을 짓는데, 모든 실험에 공통인 시드가 없습니다
scales-disagree = 로그 오즈로는 결과가 다릅니다: { SIGNED($points_pp) }%p인데 로짓은 { SIGNED($low, digits: 3) }~{ SIGNED($high, digits: 3) }입니다
runs-unfinished = 실행 { $planned }개 중 { $done }개가 끝났습니다. 판정은 시드 { $seeds }개에서 합니다
before-first-look = 실행 { $planned }개 중 { $done }개가 끝났습니다. 첫 판정은 시드 { $seeds }개에서 합니다
runs-lost = 계획한 실행 { $planned }개 중 { $failed }개가 끝나지 못했습니다({ $where }). 추정은 끝난 실행에 대한 것입니다
seeds-uncounted = 판정 시점(looks)을 정하지 않았으므로 처음 계획한 시드({ $seeds })로만 판정합니다. { $left ->
    [0] 나중에 더한 시드({ $later })는 세지 않습니다
   *[other] 완료된 시드 { $left }개({ $later })는 제외됩니다
}
claims-edited = 실행 { $count }개가 시작된 뒤에 가설을 고쳤습니다: 사후 가설
claims-beside = { $file }의 가설은 실행 { $count }개가 시작할 때 기록한 가설이 아닙니다: 사후 가설
seeds-edited = 첫 실행 뒤에 연구를 고쳤습니다. 시드 목록이 실행 { $count }개가 기록한 시드로 시작하지 않습니다: 사후 가설
levels-gone = 첫 실행 뒤에 연구를 고쳤습니다. { $levels }이(가) 더는 없습니다: 사후 가설
runs-unasked = 첫 실행 뒤에 연구를 고쳤습니다. 이 연구를 위해 시작한 실행 { $count }개({ $runs })를 더는 요구하지 않습니다: 사후 가설
runs-skipped = 다른 시드나 같은 가설의 다른 실험에는 있는 실행이 시작되지 않았거나 삭제되었습니다: { $where }
runs-copied = 예측이 동일합니다: { $runs }
one-of-strata = 층 { $strata }개 중 하나입니다. 단독 p는 { SIG($p) }, 보정 후에는 { SIG($corrected) }(으)로 { SIG($alpha) }보다 큽니다
on-this-test-set = 예제별 예측이 없어, 신뢰구간은 이 테스트 세트에서 시드를 늘릴 때에 대한 것입니다
test-size-assumed = 테스트 예제 수를 알 수 없어 { FIXED($n, digits: 0) }개로 보았습니다
few-errors = 실행당 테스트 오류 { FIXED($errors, digits: 1) }개: { FIXED($needed, digits: 0) }개 미만이면 신뢰구간이 너무 좁습니다(명목 0.95에 실제 포함률 0.62~0.95)
one-noisy = 시드에 따른 분산의 { FIXED($share, digits: 0) }%가 { $experiment }에서 나옵니다. 신뢰구간이 너무 좁고(포함률 0.93~0.95), 그 실험의 일부 실행만 크게 나쁘다면 잘못된 지지 판정이 2.5%가 아니라 3~9%에 이릅니다. 개별 실행을 확인하세요
opposed-experiments = 시드에 따라 실험들이 서로 반대 방향으로 변동합니다(짝지으면 분산이 { FIXED($added, digits: 0) }% 늘어남). 짝짓지 않은 신뢰구간은 너무 좁습니다(포함률 0.84~0.95)
holm = 방향성 검정 { $tests }개 중 하나입니다. 단독 p { SIG($p) }, Holm 보정 후 { SIG($p_holm) }(으)로 { SIG($alpha) }보다 큽니다
needs-claim = 전제인 가설 { $claim }: { $verdict }

## 논문 표의 감사

metric-top1 = top-1
metric-top5 = top-5
metric-precision = 정밀도
metric-recall = 재현율
metric-f1 = F1
metric-score = 점수
audit-read = 읽음      표 { $tables }개, 값이 있는 행 { $rows }개, 값 { $figures }개
audit-test-set = 테스트    { $assumed }
audit-size-given = 예제 { $examples }개(지정한 값)
audit-size-known = { $data } 예제 { $examples }개
audit-size-assumed = 예제 { $examples }개로 가정(--test-size N으로 지정)
audit-balance-given = 클래스 균형(지정한 값)
audit-balance-known = 클래스 균형
audit-balance-unknown = 클래스 균형 여부는 알 수 없음(--balanced로 지정)
audit-severity = { $kind ->
    [contradiction] 모순(적힌 대로일 수 없음)
    [suspicion] 의심(있을 수 있지만 옳지 않아 보임)
   *[note] 참고
}: { $count ->
    [0] 없음
   *[other] { $count }건
}
audit-place = { $table ->
    [none] { $line }행
   *[other] 표 { $table }, { $line }행
}
audit-value-cells = 칸
audit-value-headings = 열 제목
audit-value-missing = 빠진 번호
audit-value-twice = 겹친 번호
audit-value-difference = 차이
audit-value-standard-error = 표준오차
audit-value-stated = 본문
audit-value-from = 처음 값
audit-value-to = 나중 값
audit-value-figure = { $number }번째 값
audit-value-pp = %p
audit-contrasts = top-1의 대비(%p, 95% 신뢰구간은 { $several ->
    [true] 시드가 여럿이면 시드로, 아니면 테스트 데이터 수만으로 계산
   *[false] 테스트 데이터 수만으로 계산
})
audit-col-contrast = 대비
audit-col-where = 층
audit-col-estimate = 추정값
audit-col-interval = 95% 신뢰구간
audit-col-seeds = 시드
audit-col-zero = 구간
audit-col-tipping = 임계 표준편차
audit-col-doubtful = 의심스러운 칸
audit-gain = 향상폭
audit-lean = { $lean ->
    [above] 0보다 큼
    [below] 0보다 작음
   *[covers] 0 포함
}{ $agree ->
    [false] , 로짓과 불일치
   *[true] { "" }
}
audit-where-pretrained = 사전 학습
audit-where-scratch = 처음부터
audit-tipping = 임계 표준편차: 실행 간 표준편차가 이 값 이상이면 신뢰구간이 0을 포함합니다.
audit-single-runs = 실행이 하나씩인 표로는 실행 간 변동을 알 수 없으므로 모든 판정은 탐색적(EXPLORATORY)입니다.
audit-doubt = { $why } ({ $values })
audit-recall-is-top1 = 클래스 균형 테스트 세트에서 매크로 재현율은 top-1 정확도와 같으므로 둘 중 하나는 오기입니다{ $swapped ->
    [true] . 정밀도가 top-1과 같으므로 정밀도와 재현율이 뒤바뀌었을 수 있습니다
   *[false] { "" }
}
audit-recall-one-unit = 마지막 자리에서 1만큼 다릅니다. 여러 실행의 평균을 각각 올림하고 내림한 경우에만 가능합니다
audit-top5-below-top1 = top-1이 맞으면 top-5도 맞으므로 top-5는 top-1보다 낮을 수 없습니다
audit-top5-headings = 표의 모든 행에서 그렇습니다. 두 열 제목이 뒤바뀐 것으로 보고 읽었습니다
audit-precision-bound = 클래스 균형 테스트 세트에서 매크로 정밀도는 매크로 재현율의 제곱 이상이며, 여기서는 { FIXED($least) }%입니다
audit-f1-bound = 이 정밀도와 재현율이라면 매크로 F1은 { FIXED($least) }~{ FIXED($most) }%여야 합니다(반올림 포함)
audit-precision-recall-gap = 정밀도가 재현율보다 { FIXED($gap_pp) }%p 높습니다. 학습 때와 다른 이미지로 평가할 때(크기나 스케일이 다르거나 배치 정규화 통계가 맞지 않을 때) 나타나는 현상입니다
audit-band-above = 처음부터 학습한 논문의 결과보다 높습니다: { $bands }
audit-band-below = 처음부터 학습한 논문의 결과보다 낮습니다: { $bands }
audit-band-below-pretrained = 사전 학습을 했는데도 처음부터 학습한 논문의 결과보다 낮습니다: { $bands }
audit-band-weak = 처음부터 학습했고 통상적인 레시피보다 크게 낮습니다. 문헌에서 설명 하나만 들어맞습니다: { $bands }
audit-printed-twice = 같은 실험을 표 { $table }({ $line }행)은 { $value }, 표 { $other_table }({ $other_line }행)은 { $other_value }(으)로 적었습니다
audit-no-difference = 표에 { $gain }만큼 차이 나는 다른 { $metric } 값이 없습니다
audit-number-missing = { $name }: 같은 계열에서 이 번호만 빠져 있습니다. 보고하지 않았거나 이름을 바꾸었습니다
audit-number-twice = { $name }: 이미 { $line }행에 있습니다({ $first }). 여기서는 { $second }입니다
audit-number-repeated = { $name }: 이미 { $line }행에 같은 내용으로 있습니다
audit-pretrained = 사전 학습
audit-scratch = 처음부터 학습
audit-epochs = { $epochs }에폭
audit-another-row = 다른 행
audit-noise = { $stratum }의 { $contrast ->
    [gain] 향상폭
   *[other] { $contrast }
}: { $spread } 이내입니다(95% 신뢰구간 [{ SIGNED($low) }, { SIGNED($high) }]%p)
audit-seed-spread = 시드 { $seeds }개의 변동
audit-sampling-error = 테스트 데이터 { $examples }개의 표집 오차
audit-order = 본문은 { $larger }이(가) { $smaller }보다 크다고 합니다
audit-difference = { $before }에서 { $after }까지는 { $stated }이(가) 아니라 { $difference }입니다
audit-difference-table = 표의 { $metric }은(는) { $before }, { $after }입니다. 차이 { $difference }을(를) 반올림해도 { $stated }이(가) 되지 않습니다{ $cut ->
    [true] { " " }(반올림이 아니라 버림)
   *[false] { "" }
}
audit-row-length = 행의 칸 수가 열 제목 수와 달라 제외했습니다(쉼표로 칸을 나누는 파일에서 소수 쉼표는 수를 둘로 나눕니다)
audit-columns-swapped = "{ $first }" 열과 "{ $second }" 열의 값이 서로 뒤바뀌어 있어 바꾸어 읽었습니다
audit-cell-under = "{ $heading }" 아래에 "{ $value }"
audit-shifted-cells = { $cells }; { $outcome ->
    [reordered] 순서를 바꾸면 모든 칸이 열과 맞으므로 그렇게 읽었습니다
    [cell] 이 칸을 제외했습니다
    [cells] 이 칸들을 제외했습니다
   *[row] 이 행을 제외했습니다
}
audit-below-zero = 비율은 0보다 작을 수 없습니다
audit-above-100 = 비율은 100%보다 클 수 없습니다
audit-percent-among-shares = 열은 0~1 비율인데 백분율로 적었습니다
audit-share-among-percents = 백분율 열에 0~1 비율로 적었습니다{ $confirmed ->
    [true] . 같은 행의 다른 값도 이를 뒷받침합니다
   *[false] { "" }
}
audit-maybe-share = 열의 값은 훨씬 큰데 1%보다 작습니다. 0~1 비율일 수 있어 제외합니다
audit-direction = 정확도인지 오류율인지 알려 주는 제목이 없어 { $read }로 읽었습니다({ $basis ->
    [gains] 칸에 적힌 차이가 이 경우에만 맞습니다
    [chance] 정확도라면 모두 무작위 수준보다 낮습니다
    [beside] 비슷한 제목의 옆 열이 그렇습니다
   *[assumed] 가정
})
audit-error-unit = 오류율이 백분율인지 0~1 비율인지 알려 주는 것이 없어 0~1 비율로 읽었습니다(가정)
audit-read-accuracies = 정확도
audit-read-errors = 오류율
audit-percent-signs = 수 하나에 백분율 기호가 { $count }개 붙어 있습니다
audit-decimal-comma = 소수점을 쓰는 표에 소수 쉼표가 있습니다
audit-decimal-point = 소수 쉼표를 쓰는 표에 소수점이 있습니다

## 사전 학습 데이터

weights-title = 사전 학습 데이터
weights-lead = MixUp이나 CutMix로 학습했거나 테스트 세트의 클래스로 학습한 가중치를 쓰면 비교의 의미가 달라집니다.
weights-scratch = 지금까지의 모든 실행은 무작위 초기화에서 시작했습니다.
weights-none = 초기 가중치를 알 수 없습니다.
weights-col-weights = 가중치
weights-col-used = 사용한 실험
weights-col-data = 학습 데이터
weights-col-mixup = MixUp 사용
weights-col-cutmix = CutMix 사용
weights-col-augmentation = 증강
weights-col-source = 출처
weights-col-sha = 파일, sha256
weights-declared = 사용자 입력

## 문헌

literature-title = 이론과 문헌
literature-lead = 가설마다 알려졌거나 예측된 것과, 위의 결과가 보여 주는 것입니다. 논문마다 레시피, 규모, 예산이 다르므로 논문의 값은 참고일 뿐 기댓값이 아닙니다.
literature-col-paper = 논문
literature-col-says = 내용
literature-col-side = 가설에 대해
literature-side-for = 지지
literature-side-against = 반대
literature-side-context = 배경
literature-ours = 이 연구의 결과:
literature-ours_text-SUPPORTED = 실행한 모든 층에서 가설을 지지합니다({ $strata }).
literature-ours_text-REFUTED = 가설을 기각합니다({ $strata }).
literature-ours_text-INCONCLUSIVE = 결론을 내릴 수 없습니다({ $strata }).
literature-ours_text-NEGLIGIBLE = 효과가 의미를 두기에는 작습니다({ $strata }).
literature-ours_text-PARTLY = 일부 층에서만 가설을 지지합니다({ $strata }).
literature-ours_text-UNFINISHED = 아직 완전하지 않습니다({ $strata }).
literature-ours_text-SCALE-DEPENDENT = 척도에 따라 다릅니다({ $strata }).
literature-ours_text-POST-HOC = 가설을 마지막으로 고치기 전에 이미 나온 결과입니다({ $strata }).
literature-ours_text-EXPLORATORY = 시드가 하나라 참고만 할 수 있습니다({ $strata }).
literature-ours_text-MISSING = 아직 없습니다. 필요한 실행이 끝나지 않았습니다.
literature-ours_text-ESTIMATE = { $strata }.
literature-none = 이 가설에 대해 정리된 문헌이 없습니다.
literature-more = 그 밖의 배경

## 실행 방법

how-title = 실행 방법
how-lead = 재현에 필요한 모든 정보입니다. 설정, 버전, 체크섬, 이벤트, 예측은 실행별 폴더에 있습니다.
how-commands = 명령
how-reading = 표를 읽은 방법
how-unchecked = 표에 기록이 없어 확인하지 못한 것: { $kinds }
how-versions = 버전
how-hardware = 하드웨어
how-digests = 다이제스트
how-cost = 소요 시간
how-cost_text = 총 계산 시간 { $hours }시간, 실행 { $runs }개. 실행당 중앙값 { $median }, { $speed } 이미지/초.
how-cost_note = 학습과 평가에 걸린 시간의 합이며, 실행은 병렬로 돌았을 수 있습니다.
how-runs = 모든 실행
how-file = 계획된 연구 파일
how-col-what = 항목
how-col-value = 값
how-col-runs = 실행
how-col-run = 실행
how-col-seed = 시드
how-col-state = 상태
how-col-epochs = 에폭
how-col-time = 시간
how-col-speed = 이미지/초
how-col-device = 장치
how-col-code = 코드
how-code = mixscope 코드
how-revision = 리비전
how-dirty = 이후 변경됨
how-data = 데이터 { $name }
how-not_yet = 버전, 하드웨어, 다이제스트를 알 수 없습니다.
how-cpu = { $name }, 코어 { $cores }개, { $memory } GiB
how-device = { $name }, 스레드 { $threads }개, 랭크 { $ranks }개

## 요인과 수준의 이름

factor-data = 데이터셋
factor-model = 모델
factor-augmentation = 증강
factor-pretrained = 가중치
level-cifar10 = CIFAR10
level-cifar100 = CIFAR100
level-tiny-imagenet = Tiny-ImageNet
level-digits = 손글씨 숫자
level-resnet = ResNet
level-resnet50 = ResNet50
level-vit = ViT
level-default = 기본
level-mixup = MixUp
level-cutmix = CutMix
level-switch = MixUp 또는 CutMix
level-scratch = 처음부터
level-imagenet = 사전 학습
level-pretrained = 사전 학습

## 내장 연구의 제목

study-quickstart = 손글씨 숫자에 대한 작은 ResNet과 작은 ViT
study-resnet-vs-vit = MixUp과 CutMix를 쓴 ResNet50과 ViT-Small/16의 비교
study-resnet-vs-vit-published = 논문 설정을 따른 ResNet50과 ViT-Small/16의 비교
study-resnet-vs-vit-small-images = ResNet50(3x3 스템)과 작은 패치를 쓴 ViT-Small의 비교
study-resnet-vs-vit-two-cores = MixUp과 CutMix를 쓴 좁은 ResNet과 좁은 ViT의 비교, CPU 코어 2개
study-resnet-vs-vit-two-cores-short = CIFAR-100, 30에폭의 좁은 ResNet과 좁은 ViT 비교
study-local-global = 작은 ResNet과 작은 ViT에서 국소 단서와 전역 단서 중 무엇이 예측을 정하는가

## 그 밖의 틀

page-title-sign = 가
page-report = 보고서
partial-word = 미완료
partial-runs = 실행 { $all }개 중 { $done }개가 끝났습니다

## 터미널

judge-head = { $name }: 실행 { $asked }개 중 { $done }개 완료, 체크포인트 { $checkpoint }, 테스트 분할, 판정 규칙 { $rules }
judge-lost = 끝나지 못한 실행: { $runs }. 추정값은 끝난 실행에 대한 것입니다
judge-budget = 에폭별, { $split } 분할, 시드만으로 구한 신뢰구간
judge-epoch = { $epoch }에폭
judge-seeds = 시드 { $seeds }개, 자유도 { $df }
judge-look = { $of }회 중 { $number }회차 판정(시드 { $seeds }개): { $level }% 신뢰구간 [{ SIGNED($low) }, { SIGNED($high) }]. { $next ->
    [none] 마지막 판정입니다
   *[other] 다음 판정은 시드 { $next }개에서 합니다
}
judge-paired = 시드로 짝을 지으면 시드 간 분산이 { $percent }% { $change ->
    [less] 줄어듭니다
   *[more] 늘어납니다
}
judge-paired_interval = 시드로 짝지은 구간: { $interval }
judge-chosen = 테스트 분할로 고른 에폭: { $interval }, 편향 { SIGNED($bias) }%p
judge-one_seed = 신뢰구간은 테스트 데이터의 표집 오차만 반영하며, 이 체크포인트에만 해당합니다
judge-too_small = 시드가 1,000개여도 판정할 수 없습니다. 테스트 분할이 너무 작습니다
judge-exploratory = 탐색적: 실행 전에 세운 가설이 없습니다. { $tests ->
    [0] 실행 간 변동을 알 수 없어 p가 없습니다
   *[other] 대비 { $tests }개에 대한 Holm 보정
}
judge-read = 읽음
judge-unchecked = 미확인
judge-size = 끝난 실행 { $runs }개{ $rows ->
    [0] { "" }
   *[other] , 평균과 변동만 있는 행 { $rows }개
}, 실험 { $experiments }개
judge-bound = 다른 테스트 데이터까지 고려하면 최대 { $interval }
judge-limits = 판정 제한: { $claims }
compare-settings = 설정
compare-made_with = 실행 환경
compare-problems = 참고
compare-only = { $name }에만 있음: { $experiments }
compare-results = 결과  (테스트 top-1 %, 체크포인트 { $checkpoint }, 차이(%p)와 95% 신뢰구간)
compare-seeds = 시드 { $first }개와 { $second }개
compare-all = 모든 실험
compare-no_run = 끝난 실행 없음
compare-p = Holm 보정 후 p { SIG($p) }: { $said }
compare-within-noise = 변동 범위 이내
compare-beyond-noise = 변동 범위 초과
compare-unknown = 알 수 없음
compare-alike = 동일
compare-same = 시드별 결과가 모두 같아 신뢰구간이 없습니다
compare-total = 실험 { $n }개: { $counts }
claims-file = 가설
claims-edit = 다음 결과가 나오기 전에 고치세요. 결과가 나온 뒤에 적은 것은 가설이 아닙니다
claims-gain = { $augmentation }을(를) 쓰면 정확도가 높아진다
claims-gains = { $model }은(는) { $over }보다 { $augmentation }의 향상폭이 크다
table-failed = { $count }개 실패
table-experiment = 실험
table-dataset = 데이터셋
table-model = 모델
table-augmentation = 증강
table-pretrained = 사전 학습
table-top1 = Top-1 Acc
table-top5 = Top-5 Acc
table-f1 = F1-score
table-nll = NLL
table-ece = ECE
table-precision = 정밀도
table-recall = 재현율
table-seeds = 시드
table-caption = 테스트 분할, %{ $several ->
    [true] , 시드 평균 +- 표준편차
   *[false] { "" }
}; { $epochs }{ $lost ->
    [true] ; 평균은 끝난 실행의 것
   *[false] { "" }
}
table-last = 마지막 에폭
table-best-on-test = 테스트 분할에서 가장 좋은 에폭(published 프로토콜)이므로 실제보다 높음

## 논문에 옮길 문장과 표

said-head-contrast = 대비
said-head-estimate = 추정값 (%p)
said-head-interval = 95% 신뢰구간
said-head-seeds = 시드
said-head-p_holm = p (Holm)
said-head-p = p
said-head-verdict = 판정
said-accuracy = top-1
said-in = { $where }에서{ " " }
said-gain-up = { $what }은(는) { $where } 정확도를 { FIXED($size, digits: 1) }%p 높였습니다
said-gain-down = { $what }은(는) { $where } 정확도를 { FIXED($size, digits: 1) }%p 낮추었습니다
said-gain-open = { $what }을(를) 쓰면 { $where } 정확도가 { SIGNED($value, digits: 1) }%p 달라졌으나 통계적으로 유의하지 않습니다
said-gain-single = { $what }을(를) 쓰면 { $where } 정확도가 { SIGNED($value, digits: 1) }%p 달라졌습니다
said-difference-up = { $in }{ $what }은(는) { $other }보다 { FIXED($size, digits: 1) }%p 높았습니다
said-difference-down = { $in }{ $what }은(는) { $other }보다 { FIXED($size, digits: 1) }%p 낮았습니다
said-difference-open = { $in }{ $what }와(과) { $other }의 차이는 { SIGNED($value, digits: 1) }%p이며 통계적으로 유의하지 않습니다
said-difference-single = { $in }{ $what }와(과) { $other }의 차이는 { SIGNED($value, digits: 1) }%p입니다
said-gains-up = { $what }의 향상폭은 { $other }보다 { $where }에서 { FIXED($size, digits: 1) }%p 컸습니다
said-gains-down = { $what }의 향상폭은 { $other }보다 { $where }에서 { FIXED($size, digits: 1) }%p 작았습니다
said-gains-open = { $where }와(과) { $other }에서 { $what }의 향상폭 차이는 { SIGNED($value, digits: 1) }%p이며 통계적으로 유의하지 않습니다
said-gains-single = { $where }와(과) { $other }에서 { $what }의 향상폭 차이는 { SIGNED($value, digits: 1) }%p입니다
said-gains-single-first = { $where }와(과) { $other }에서 { $what }의 향상폭 차이는 { SIGNED($value, digits: 1) }%p입니다
said-contrast-beyond = { $in }{ $what }의 값은 { SIGNED($value, digits: 1) }%p입니다
said-contrast-open = { $in }{ $what }의 값은 { SIGNED($value, digits: 1) }%p이며 통계적으로 유의하지 않습니다
said-contrast-single = { $in }{ $what }의 값은 { SIGNED($value, digits: 1) }%p입니다
said-one-run = 변동을 알 수 없는 단일 실행에서, { $said }
said-no-spread = 실행 간 변동을 알 수 없는 상태에서, { $said }
said-capped = { $verdict }: { $said }
said-capped-why = { $verdict } ({ $all_why }): { $said }
said-negligible = { $said }. 허용 한계 { $margin }%p 안의 차이입니다
said-equivalent = { $said }. 허용 한계 { $margin }%p 안에서 차이가 없다고 볼 수 있습니다
said-not-equivalent = { $said }. 허용 한계 { $margin }%p를 벗어나 차이가 없다고 볼 수 없습니다
said-ends = { $level }% 신뢰구간 { FIXED($low, digits: 1) }에서 { FIXED($high, digits: 1) }
said-no-interval = 신뢰구간 없음
said-seeds = 시드 { $few }개
said-seeds-range = 시드 { $few }-{ $many }개
said-method-welch = Welch t
said-method-paired = 대응 t
said-method-examples = 테스트 데이터의 오차만 반영
said-basis-examples = 같은 테스트 데이터끼리 비교
said-basis-set = 이 테스트 세트 기준
said-p = p { $p }
said-p-small = p < 0.001
said-p_holm = Holm 보정 후 p { $p }
said-p_holm-small = Holm 보정 후 p < 0.001
said-unchecked = 결과에 기록이 없어 확인하지 못한 것: { $all_kinds }

## 표나 로그를 읽으며 알아낸 것

read-table = { $all_parts }
read-role = { $role } = "{ $heading }"
read-left-out = 쓰지 않은 정확도 열: { $headings }
read-factor = 요인 "{ $factor }"
read-factor-model = 요인 "{ $factor }"(모델)
read-factor-pretraining = 요인 "{ $factor }"(사전 학습)
read-factor-augmentation = 요인 "{ $factor }"(증강, 기준 { $baseline })
read-factor-no-baseline = 요인 "{ $factor }"(증강, 기준을 찾지 못함: --baseline LEVEL)
read-unit-percent = 정확도는 퍼센트
read-unit-share = 정확도는 0~1의 비율
read-unused = 행마다 값이 다르지만 쓰지 않은 열: { $headings } (--column factor=HEADING을 주면 요인으로 씁니다)
read-assumed = 정확도인지 오류율인지 알려 주는 제목이 없어 정확도로 읽었습니다(제목에 "error"를 넣거나 --column error=HEADING을 주면 바뀝니다)
read-best = 정확도가 에폭 중 최고값입니다. 보고하는 값으로 에폭을 골랐으므로 모든 실행이 실제보다 좋게 보입니다
read-validation = 검증 데이터의 정확도입니다. 이 값으로 에폭이나 설정을 골랐다면 실제보다 좋게 보입니다
read-spread-kind = 산포의 종류가 적혀 있지 않아 n으로 나눈 표준편차로 보고 sqrt(S / (S - 1))배로 넓혔습니다
read-no-seeds = 시드 열이 없어 실행에 순서대로 번호를 매겼으며, 시드끼리 짝짓지 않습니다
read-no-n_test = 테스트 데이터의 수를 모릅니다(--n-test N). 다른 테스트 데이터까지 포함한 구간은 없습니다
read-single = 실행이 하나뿐인 실험: { $experiments }{ $more ->
    [0] { "" }
   *[other] { " " }외 { $more }개
}. 판정에는 시드 3개가 필요합니다. 더 학습하거나 탐색적으로만 보세요
read-empty = 끝난 실행이 없는 실험: { $experiments }{ $more ->
    [0] { "" }
   *[other] { " " }외 { $more }개
}. 이 실험이 필요한 것은 판정할 수 없습니다
read-encoding = 글자 인코딩은 { $encoding }
read-which-table = 표 { $count }개 중 { $number }번째(--table N으로 다른 표를 고릅니다)
read-last-epoch = 실행마다 "{ $heading }"별로 행이 있어 마지막 행만 셉니다
read-logged = { $program }: { $what }
read-metric-last = 실행 { $runs }개의 마지막 에폭의 { $metric }
read-metric-best = 실행 { $runs }개에서 { $by }이(가) 가장 좋은 에폭의 { $metric }
read-metric-once = 실행 { $runs }개에 한 번씩 기록된 { $metric }
read-selected = { $metric }은(는) 보고하는 값으로 에폭을 골랐습니다. 자기 에폭 중 최고값이므로 모든 실행이 실제보다 좋게 보입니다
read-ends = 실행이 끝난 에폭이 서로 다릅니다({ $first }~{ $last }). 끝나지 않았거나 일찍 멈춘 것입니까?
read-names = 설정이 기록되지 않았거나 모두 같아서 실행 이름으로 실험을 구분합니다
read-programs = 여러 프로그램의 로그가 있습니다: { $counts }. { $program }의 것만 읽었습니다. 나머지는 그 폴더를 따로 주세요
