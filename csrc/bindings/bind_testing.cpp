// SPDX-License-Identifier: Apache-2.0
// What tests and benches need and users do not.
#include <pybind11/stl.h>

#include "csrc/bindings/register.h"
#include "csrc/cpu/registry.h"

namespace fastdnn::bindings {

namespace py = pybind11;

void register_testing(py::module_& parent) {
  py::module_ m = parent.def_submodule("testing", "Hooks for tests and benches.");
  m.def("set_isa_level",
        [](const std::string& name) { cpu::set_isa_level(parse_isa_level(name)); });
  m.def("kernel_names", &cpu::kernel_names);
  // The 64 words of a group of Philox blocks, wherever it lies in the draw.
  m.def("random_group", [](std::uint64_t seed, std::uint32_t stream, std::uint32_t step,
                           index_t group) {
    std::vector<std::int32_t> words(cpu::kRandomGroup);
    cpu::kernels().random_bits_i32({{seed, stream, step}, group, cpu::kRandomGroup}, words.data());
    return std::vector<std::uint32_t>(words.begin(), words.end());
  });
}

}  // namespace fastdnn::bindings
