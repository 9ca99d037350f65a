// SPDX-License-Identifier: Apache-2.0
#include "csrc/cuda/no_cuda.h"
#include "csrc/ops/metric.h"

namespace fastdnn::cuda {

void metric(const MetricArgs&, Stream&) { no_cuda("metric"); }

}  // namespace fastdnn::cuda
