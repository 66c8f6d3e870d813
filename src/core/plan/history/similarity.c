/* How likely each window is to look like the next one.
 *
 * Windows far from the newest one count less: a window's distance is the sum of squared differences of the experts'
 * parts of all load, compared with the median distance of consecutive windows. So after a jump of the traffic old
 * windows do not vote, and while it is calm all of them do. */
#include "core/plan/history/similarity.h"

/* Measured: 1 to 2 is as good where loads jump; 2 is better where they drift. */
static const double NEAR = 2;

static double total_of(const double *load, int num_experts) {
  double total = 0;
  for (int e = 0; e < num_experts; e++)
    total += load[e];
  return total;
}

/* The distance of two windows: the sum of squared differences of their experts' parts of the total. */
static double distance(const double *a, const double *b, int num_experts) {
  double total_a = total_of(a, num_experts), total_b = total_of(b, num_experts), sum = 0;
  for (int e = 0; e < num_experts; e++) {
    double differ = a[e] / total_a - b[e] / total_b;
    sum += differ * differ;
  }
  return sum;
}

static double median(double *value, int count) {
  for (int i = 1; i < count; i++)
    for (int j = i; j > 0 && value[j] < value[j - 1]; j--) {
      double lesser = value[j];
      value[j] = value[j - 1];
      value[j - 1] = lesser;
    }
  return count > 0 ? value[count / 2] : 0;
}

eplb_windows_t eplb_similarity_weigh(const eplb_windows_t *windows, size_t offset, int num_experts) {
  eplb_windows_t weighed = *windows;
  int loaded[EPLB_HISTORY_MAX], count = 0;
  double step[EPLB_HISTORY_MAX];
  for (int k = 0; k < windows->num_windows; k++)
    if (total_of(windows->load[k] + offset, num_experts) > 0)
      loaded[count++] = k;
  for (int i = 1; i < count; i++)
    step[i - 1] = distance(windows->load[loaded[i - 1]] + offset, windows->load[loaded[i]] + offset, num_experts);
  double near = NEAR * median(step, count - 1);
  for (int i = 1; i < count && near > 0; i++) {
    double far = distance(windows->load[loaded[0]] + offset, windows->load[loaded[i]] + offset, num_experts);
    if (far > near)
      weighed.weight[loaded[i]] *= near / far;
  }
  return weighed;
}
