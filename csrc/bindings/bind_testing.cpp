// SPDX-License-Identifier: Apache-2.0
// What tests and benches need and users do not.
#include <atomic>
#include <chrono>

#include "csrc/bindings/arrays.h"
#include "csrc/bindings/gil.h"
#include "csrc/bindings/register.h"
#include "csrc/core/arena.h"
#include "csrc/core/thread_pool.h"
#include "csrc/cpu/gemm/gemm_tiles.h"
#include "csrc/cpu/registry.h"
#include "csrc/ops/activation.h"
#include "csrc/ops/precision.h"
#include "csrc/ops/softmax.h"

namespace fastdnn::bindings {
namespace {

cpu::MathFunction parse_math_function(const std::string& name) {
#define FASTDNN_MATH_FUNCTION(f) \
  if (name == #f) return cpu::MathFunction::k_##f;
  FASTDNN_MATH_FUNCTIONS(FASTDNN_MATH_FUNCTION)
#undef FASTDNN_MATH_FUNCTION
  fail("math", "received the unknown function '", name, "'");
}

void math_array(const std::string& name, const py::array& x, py::array& out) {
  const ConstMatrixView from = rows_of("math", "x", x);
  const MatrixView to = writable_rows("math", "out", out);
  check(shape_of(x) == shape_of(out), "math", "expected x and out of equal shapes");
  const cpu::MathFunction function = parse_math_function(name);
  const GilRelease release;
  cpu::kernels().math_f32(function, from.data, to.data, from.size());
}

// Rows as networks read them: of uint8, or of float16 or bfloat16, whose bits come as uint16.
void to_f32(const std::string& type, const py::array& x, py::array& out) {
  check(shape_of(x) == shape_of(out), "to_f32", "expected x and out of equal shapes");
  float* to = writable_rows("to_f32", "out", out).data;
  const cpu::KernelTable& kernels = cpu::kernels();
  if (type == "uint8") {
    kernels.bytes_to_unit_f32(rows_of<std::uint8_t>("to_f32", "x", x).data, x.size(), to);
    return;
  }
  check(type == "float16" || type == "bfloat16", "to_f32", "received the type '", type, "'");
  const auto convert = type == "float16" ? kernels.f16_to_f32 : kernels.bf16_to_f32;
  convert(rows_of<std::uint16_t>("to_f32", "x", x).data, x.size(), to);
}

// The first `cols` columns of a matrix, whose rows are then padded.
template <typename View>
View columns(View m, index_t cols) {
  check(0 <= cols && cols <= m.cols, "testing", "received ", cols, " columns of ", m.cols);
  m.cols = cols;
  return m;
}

void activation_columns(const std::string& name, const py::array& x, py::array& y, index_t cols) {
  const Activation kind = parse_activation(name);
  const ActivationArgs args{kind, activation_alpha(kind, std::nullopt),
                            columns(matrix("testing", "x", x), cols),
                            columns(writable_rows("testing", "y", y), cols)};
  run_on_cpu(0.0, [&](Context& context) { activation(args, context); });
}

void activation_backward_columns(const std::string& name, const py::array& saved,
                                 const py::array& dy, py::array& dx, index_t cols) {
  const Activation kind = parse_activation(name);
  const ActivationBackwardArgs args{kind, activation_alpha(kind, std::nullopt),
                                    columns(matrix("testing", "saved", saved), cols),
                                    columns(matrix("testing", "dy", dy), cols),
                                    columns(writable_rows("testing", "dx", dx), cols)};
  run_on_cpu(0.0, [&](Context& context) { activation_backward(args, context); });
}

void softmax_columns(bool log, const py::array& x, py::array& y, index_t cols) {
  const SoftmaxArgs args{columns(matrix("testing", "x", x), cols),
                         columns(writable_rows("testing", "y", y), cols)};
  run_on_cpu(0.0,
             [&](Context& context) { log ? log_softmax(args, context) : softmax(args, context); });
}

void softmax_backward_columns(const py::array& y, const py::array& dy, py::array& dx,
                              index_t cols) {
  const SoftmaxBackwardArgs args{columns(matrix("testing", "y", y), cols),
                                 columns(matrix("testing", "dy", dy), cols),
                                 columns(writable_rows("testing", "dx", dx), cols)};
  run_on_cpu(0.0, [&](Context& context) { softmax_backward(args, context); });
}

// A product by tiles whatever its shape, at any level, in the shares of so many members.
void gemm_by_tiles(const py::array& a, const py::array& b, bool transpose_a, bool transpose_b,
                   float alpha, float beta, const py::object& bias, const std::string& activation,
                   py::array& out, int members, bool a_is_bfloat16) {
  GemmArgs args;
  args.a = matrix("testing", "a", a);
  args.b = matrix("testing", "b", b);
  args.c = writable_rows("testing", "out", out);
  args.transpose_a = transpose_a;
  args.transpose_b = transpose_b;
  args.alpha = alpha;
  args.beta = beta;
  args.activation = parse_activation(activation);
  args.precision = matmul_precision();
  args.a_is_bfloat16 = a_is_bfloat16;
  if (!bias.is_none()) args.bias = vector("testing", "bias", bias.cast<py::array>(), args.n()).data;
  check(args.k() == (transpose_b ? args.b.cols : args.b.rows) && args.k() > 0 &&
            args.m() == (transpose_a ? args.a.cols : args.a.rows) &&
            args.n() == (transpose_b ? args.b.rows : args.b.cols) && members > 0,
        "testing", "received matrices that do not fit, or no members");
  AlignedBuffer<float> scratch(cpu::tiles_scratch_size(args, members));
  args.scratch = scratch.data();
  for (int rank = 0; rank < members; ++rank) cpu::gemm_by_tiles(args, rank, members);
}

// GFLOP/s of independent fused multiply-adds on `threads` threads at once, for about
// `milliseconds`.
double fma_peak(int threads, double milliseconds) {
  constexpr index_t kRounds = 20000;
  using Clock = std::chrono::steady_clock;
  std::atomic<double> total{0};
  const auto start = Clock::now();
  ThreadPool::instance().run(threads, [&](Team&) {
    double mine = 0, flops = 0;
    while (std::chrono::duration<double, std::milli>(Clock::now() - start).count() < milliseconds) {
      float factor = 0.5f;
      cpu::kernels().fma_peak_f32(kRounds, &factor, &flops);
      mine += flops;
    }
    total.fetch_add(mine);
  });
  return total.load() / std::chrono::duration<double, std::nano>(Clock::now() - start).count();
}

}  // namespace

void register_testing(py::module_& parent) {
  py::module_ m = parent.def_submodule("testing", "Hooks for tests and benches.");
  m.def("set_isa_level",
        [](const std::string& name) { cpu::set_isa_level(parse_isa_level(name)); });
  m.def("kernel_names", &cpu::kernel_names);
  m.def("fma_peak", &fma_peak, py::call_guard<GilRelease>(), py::arg("threads"),
        py::arg("milliseconds") = 50.0);
  m.def("gemm_by_tiles", &gemm_by_tiles, py::arg("a").noconvert(), py::arg("b").noconvert(),
        py::arg("transpose_a"), py::arg("transpose_b"), py::arg("alpha"), py::arg("beta"),
        py::arg("bias"), py::arg("activation"), py::arg("out").noconvert(), py::arg("members"),
        py::arg("a_is_bfloat16") = false);
  m.def("multiply_by_tiles_everywhere", &cpu::multiply_by_tiles_everywhere);
  m.def("multiply_by_pairs_everywhere", &cpu::multiply_by_pairs_everywhere);
  m.def("activation_columns", &activation_columns);
  m.def("activation_backward_columns", &activation_backward_columns);
  m.def("softmax_columns", &softmax_columns);
  m.def("softmax_backward_columns", &softmax_backward_columns);
  m.def("math", &math_array, py::arg("name"), py::arg("x").noconvert(), py::arg("out").noconvert());
  m.def("to_f32", &to_f32, py::arg("type"), py::arg("x").noconvert(), py::arg("out").noconvert());
  m.def("set_least_microseconds_per_thread",
        [](double value) { ThreadPool::instance().set_least_microseconds(value); });
  // The 64 words of a group of Philox blocks, wherever it lies in the draw.
  m.def("random_group", [](std::uint64_t seed, std::uint32_t stream, std::uint32_t step,
                           index_t group) {
    std::vector<std::int32_t> words(cpu::kRandomGroup);
    cpu::kernels().random_bits_i32({{seed, stream, step}, group, cpu::kRandomGroup}, words.data());
    return std::vector<std::uint32_t>(words.begin(), words.end());
  });
}

}  // namespace fastdnn::bindings
