// SPDX-License-Identifier: Apache-2.0
// Tables of the kinds of an op: rows with a `kind` and the `name` it has outside.
#pragma once

#include <string>

#include "csrc/core/check.h"

namespace fastdnn {

template <typename Entry, std::size_t kCount, typename Kind>
const Entry& entry_of(const char* op, const Entry (&table)[kCount], Kind kind) {
  for (const Entry& entry : table) {
    if (entry.kind == kind) return entry;
  }
  fail(op, "received the unknown kind ", static_cast<int>(kind));
}

template <typename Entry, std::size_t kCount>
auto parse_kind(const char* op, const Entry (&table)[kCount], const std::string& name) {
  std::string names;
  for (const Entry& entry : table) {
    if (name == entry.name) return entry.kind;
    names += names.empty() ? "" : ", ";
    names += entry.name;
  }
  fail(op, "received '", name, "'; expected one of ", names);
}

}  // namespace fastdnn
