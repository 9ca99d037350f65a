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
}

}  // namespace fastdnn::bindings
