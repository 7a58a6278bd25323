// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// malloc and its kin and pthread_mutex_lock, counted, for the whole process:
// the dynamic linker binds libnybl.so's and libstdc++'s calls to these.

#include "tests/Runtime/AllocationCount.h"
#include <cstddef>
#include <dlfcn.h>
#include <pthread.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define NYBL_TEST_COUNTS 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||     \
    __has_feature(memory_sanitizer)
#define NYBL_TEST_COUNTS 0
#endif
#endif
#ifndef NYBL_TEST_COUNTS
#define NYBL_TEST_COUNTS 1
#endif

static thread_local uint64_t count, locks;

bool nybl::tests::allocationsAreCounted() { return NYBL_TEST_COUNTS; }
uint64_t nybl::tests::allocationCount() { return count; }
uint64_t nybl::tests::lockCount() { return locks; }

#if NYBL_TEST_COUNTS
#define EXPORT extern "C" __attribute__((visibility("default")))

extern "C" void *__libc_malloc(size_t);
extern "C" void *__libc_calloc(size_t, size_t);
extern "C" void *__libc_realloc(void *, size_t);
extern "C" void *__libc_memalign(size_t, size_t);

EXPORT void *malloc(size_t size) noexcept {
  ++count;
  return __libc_malloc(size);
}
EXPORT void *calloc(size_t n, size_t size) noexcept {
  ++count;
  return __libc_calloc(n, size);
}
EXPORT void *realloc(void *old, size_t size) noexcept {
  ++count;
  return __libc_realloc(old, size);
}
EXPORT void *aligned_alloc(size_t alignment, size_t size) noexcept {
  ++count;
  return __libc_memalign(alignment, size);
}
EXPORT int pthread_mutex_lock(pthread_mutex_t *mutex) noexcept {
  static auto *next = reinterpret_cast<decltype(&pthread_mutex_lock)>(
      dlsym(RTLD_NEXT, "pthread_mutex_lock"));
  ++locks;
  return next(mutex);
}
#endif
