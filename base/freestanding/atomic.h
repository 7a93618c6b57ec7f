// SPDX-License-Identifier: Apache-2.0
//
// Atomic access to plain integers in memory that processes share. Freestanding: no library.
// Each call site names its memory order by the function and its partner in a comment.
#pragma once

namespace vtn {

template <class T>
inline T load_relaxed(const T* from) {
  return __atomic_load_n(from, __ATOMIC_RELAXED);
}

template <class T>
inline T load_acquire(const T* from) {
  return __atomic_load_n(from, __ATOMIC_ACQUIRE);
}

template <class T>
inline void store_relaxed(T* to, T value) {
  __atomic_store_n(to, value, __ATOMIC_RELAXED);
}

template <class T>
inline void store_release(T* to, T value) {
  __atomic_store_n(to, value, __ATOMIC_RELEASE);
}

template <class T>
inline T add_relaxed(T* to, T value) {
  return __atomic_fetch_add(to, value, __ATOMIC_RELAXED);
}

template <class T>
inline T add_release(T* to, T value) {
  return __atomic_fetch_add(to, value, __ATOMIC_RELEASE);
}

// Acquire-release on success, acquire on failure. `expected` is updated on failure.
template <class T>
inline bool compare_swap(T* to, T* expected, T value) {
  return __atomic_compare_exchange_n(
      to, expected, value, /*weak=*/false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

}  // namespace vtn
