// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdio>

// Of the test program; its exit status.
inline std::atomic<int> failures{0};

#define CHECK(condition)                                                       \
  do {                                                                         \
    if (!(condition)) {                                                        \
      std::fprintf(stderr, "%s:%d: not %s\n", __FILE__, __LINE__, #condition); \
      failures.fetch_add(1);                                                   \
    }                                                                          \
  } while (false)
