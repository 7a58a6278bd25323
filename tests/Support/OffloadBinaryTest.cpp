// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Offload binaries: what is written is read, and LLVM's own tool reads it too;
// whatever else the bytes are, nothing outside them is read.

#include "runtime/Support/OffloadBinary.h"
#include <cstring>
#include <gtest/gtest.h>
#include <random>

using namespace nybl;

namespace {

OffloadImage image(ImageKind kind, std::string_view bytes,
                   std::map<std::string, std::string> words) {
  OffloadImage result;
  result.kind = kind;
  result.words = std::move(words);
  result.image = bytes;
  return result;
}

std::string twoImages() {
  std::string bytes;
  append(image(ImageKind::Cubin, "cubin of 13 b",
               {{"triple", "nvptx64-nvidia-cuda"}, {"arch", "sm_120a"}}),
         bytes);
  append(image(ImageKind::None, "", {{"arch", ""}}), bytes);
  return bytes;
}

void expectRefused(const std::string &bytes, const char *part) {
  auto images = readOffloadImages(bytes);
  ASSERT_FALSE(images) << part;
  EXPECT_EQ(images.status().code(), ErrorCode::Invalid);
  EXPECT_NE(images.message().find(part), std::string::npos) << images.message();
}

void put64(std::string &bytes, size_t at, uint64_t value) {
  std::memcpy(bytes.data() + at, &value, sizeof value);
}

TEST(OffloadBinary, WhatIsWrittenIsRead) {
  std::string bytes = twoImages();
  EXPECT_EQ(bytes.size() % 8, 0u);
  auto images = readOffloadImages(bytes);
  ASSERT_TRUE(images) << images.message();
  ASSERT_EQ(images->size(), 2u);
  EXPECT_EQ((*images)[0].kind, ImageKind::Cubin);
  EXPECT_EQ((*images)[0].image, "cubin of 13 b");
  EXPECT_EQ((*images)[0].word("arch"), "sm_120a");
  EXPECT_EQ((*images)[0].word("moon"), "");
  EXPECT_EQ((*images)[1].image, "");
  EXPECT_EQ((*images)[1].words.size(), 1u);
  EXPECT_EQ(twoImages(), bytes);
  auto none = readOffloadImages("");
  EXPECT_TRUE(none && none->empty());
}

TEST(OffloadBinary, EachFieldIsChecked) {
  std::string right = twoImages();
  auto spoilt = [&](size_t at, uint64_t value) {
    std::string bytes = right;
    put64(bytes, at, value);
    return bytes;
  };
  expectRefused(spoilt(0, 0), "begin with 10 ff 10 ad");
  expectRefused(spoilt(4, 2), "expected version 1, got version 2");
  expectRefused(spoilt(8, 1 << 20), "a multiple of 8 up to");
  expectRefused(spoilt(8, 24), "a multiple of 8 up to");
  expectRefused(spoilt(16, right.size()), "expected an entry at byte");
  expectRefused(spoilt(16, UINT64_MAX - 8), "expected an entry at byte");
  expectRefused(spoilt(24, 39), "expected an entry of 40 bytes, got 39");
  expectRefused(spoilt(32 + 8, UINT64_MAX - 15), "expected a word at byte");
  expectRefused(spoilt(32 + 16, 65), "expected at most 64 words");
  expectRefused(spoilt(32 + 16, 30), "at byte");
  expectRefused(spoilt(32 + 24, UINT64_MAX - 3), "expected an image of 13");
  expectRefused(spoilt(32 + 32, UINT64_MAX), "expected an image of 1844");
  expectRefused(spoilt(72, 1 << 30), "expected a text that ends");
  expectRefused(spoilt(72 + 16, 104), "expected one word 'arch', got two");
  expectRefused(right.substr(0, right.size() - 8), "offload binary at byte");
  expectRefused(right + "junk", "expected a header at byte 0 of it");
}

TEST(OffloadBinary, RandomBytesAreReadWithinBounds) {
  std::mt19937 random(7);
  std::string right = twoImages();
  for (int i = 0; i < 20000; ++i) {
    std::string bytes = right.substr(0, random() % (right.size() + 1));
    for (int flips = int(random() % 4); flips > 0 && !bytes.empty(); --flips)
      bytes[random() % bytes.size()] = char(random());
    // On the heap by itself, so that a sanitizer sees its end.
    std::vector<char> exact(bytes.begin(), bytes.end());
    auto images = readOffloadImages({exact.data(), exact.size()});
    if (!images)
      continue;
    for (const OffloadImage &image : *images)
      ASSERT_LE(image.image.size(), exact.size());
  }
}

} // namespace
