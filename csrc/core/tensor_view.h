// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "csrc/core/types.h"

namespace fastdnn {

// data + by, where there is data.
template <typename T>
T* offset(T* data, index_t by) {
  return data == nullptr ? nullptr : data + by;
}

// A row-major matrix somebody else owns. Element (i, j) is data[i * stride + j]; stride >= cols.
template <typename T>
struct Matrix {
  T* data = nullptr;
  index_t rows = 0;
  index_t cols = 0;
  index_t stride = 0;

  T* row(index_t i) const { return data + i * stride; }
  index_t size() const { return rows * cols; }
  bool empty() const { return data == nullptr; }
  operator Matrix<const T>() const { return {data, rows, cols, stride}; }
};

using MatrixView = Matrix<float>;
using ConstMatrixView = Matrix<const float>;

}  // namespace fastdnn
