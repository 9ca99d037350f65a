// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <pybind11/pybind11.h>

namespace fastdnn::bindings {

// Lets other Python threads run while this one computes. Unlike pybind11's own guard its destructor
// may be left by the forced unwinding with which Python ends daemon threads at exit; a noexcept one
// would turn that into std::terminate.
class GilRelease {
 public:
  GilRelease() : state_(PyEval_SaveThread()) {}
  ~GilRelease() noexcept(false) { PyEval_RestoreThread(state_); }
  GilRelease(const GilRelease&) = delete;
  GilRelease& operator=(const GilRelease&) = delete;

 private:
  PyThreadState* state_;
};

}  // namespace fastdnn::bindings
