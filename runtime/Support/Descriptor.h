// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A file descriptor with an owner.
#ifndef NYBL_RUNTIME_SUPPORT_DESCRIPTOR_H
#define NYBL_RUNTIME_SUPPORT_DESCRIPTOR_H

#include <unistd.h>
#include <utility>

namespace nybl {

/// Closed at the end; may be none.
class Descriptor {
public:
  explicit Descriptor(int number = -1) : number(number) {}
  ~Descriptor() { reset(); }
  Descriptor(Descriptor &&other) noexcept
      : number(std::exchange(other.number, -1)) {}
  Descriptor &operator=(Descriptor &&other) noexcept {
    reset(std::exchange(other.number, -1));
    return *this;
  }
  int operator*() const { return number; }
  bool isOpen() const { return number >= 0; }
  void reset(int next = -1) {
    if (number >= 0)
      close(number);
    number = next;
  }

private:
  int number;
};

} // namespace nybl

#endif // NYBL_RUNTIME_SUPPORT_DESCRIPTOR_H
