// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// LLVM's offload binaries (llvm/Object/OffloadBinary.h, version 1): an image
// with words about it. A file holds any number of them one after the other, and
// llvm-offload-binary takes it apart.
#ifndef NYBL_RUNTIME_SUPPORT_OFFLOADBINARY_H
#define NYBL_RUNTIME_SUPPORT_OFFLOADBINARY_H

#include "runtime/Abi/Status.h"
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace nybl {

/// The kinds of images that Nybl writes, as LLVM counts them.
enum class ImageKind : uint16_t { None = 0, Cubin = 3, Ptx = 5 };

struct OffloadImage {
  ImageKind kind = ImageKind::None;
  std::map<std::string, std::string> words; ///< "triple", "arch", ...
  std::string_view image;

  /// Empty if there is none of that name.
  std::string_view word(const std::string &name) const {
    auto found = words.find(name);
    return found == words.end() ? std::string_view() : found->second;
  }
};

/// Adds one to the end. Names and values hold no NUL. Same image, same bytes.
void append(const OffloadImage &image, std::string &bytes);

/// All of them, in order; what they hold points into `bytes`. Reads nothing
/// outside, whatever the bytes are. Errors: Invalid, with the offset.
Expected<std::vector<OffloadImage>> readOffloadImages(std::string_view bytes);

} // namespace nybl

#endif // NYBL_RUNTIME_SUPPORT_OFFLOADBINARY_H
