// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Fatbins: written here byte by byte, and by NVIDIA's own fatbinary.

#include "tools/emulator/Fatbin/Fatbin.h"

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <zstd.h>

using namespace nybl::emu;

namespace {

using Image = std::vector<uint8_t>;

template <typename T>
void put(Image &image, T value) {
  auto *first = reinterpret_cast<const uint8_t *>(&value);
  image.insert(image.end(), first, first + sizeof value);
}

struct Entry {
  uint16_t kind;
  uint32_t architecture;
  uint64_t flags;
  std::string bytes;
  uint64_t unpacked;
};

Image container(const std::vector<Entry> &entries) {
  Image body;
  for (const Entry &e : entries) {
    size_t padded = (e.bytes.size() + 7) / 8 * 8;
    put<uint16_t>(body, e.kind);
    put<uint16_t>(body, 0x101);
    put<uint32_t>(body, 64);
    put<uint32_t>(body, static_cast<uint32_t>(padded));
    put<uint32_t>(body, 0);
    put<uint32_t>(body, e.flags ? static_cast<uint32_t>(e.bytes.size()) : 0);
    put<uint32_t>(body, 0);
    put<uint32_t>(body, 0x90000);
    put<uint32_t>(body, e.architecture);
    put<uint64_t>(body, 0);
    put<uint64_t>(body, e.flags | 0x11);
    put<uint64_t>(body, 0);
    put<uint64_t>(body, e.flags ? e.unpacked : 0);
    body.insert(body.end(), e.bytes.begin(), e.bytes.end());
    body.resize(body.size() + padded - e.bytes.size());
  }
  Image image;
  put<uint32_t>(image, 0xba55ed50);
  put<uint16_t>(image, 1);
  put<uint16_t>(image, 16);
  put<uint64_t>(image, body.size());
  image.insert(image.end(), body.begin(), body.end());
  return image;
}

std::string ptxFor(const std::string &target) {
  return "// a comment\n/* .target sm_50 */ .version 9.0\n.target " + target +
         ", debug\n.address_size 64\n";
}

Entry plain(const std::string &target, uint32_t architecture) {
  return {FatbinEntry::Ptx, architecture, 0, ptxFor(target), 0};
}

std::string chosen(const Image &image, const char *chip = "sm_120a") {
  auto text = choosePtx(image.data(), image.size(), *findChip(chip));
  return text ? *text : "refused: " + text.message();
}

TEST(Fatbin, TheHighestTargetThatRunsIsChosen) {
  Image image = container({plain("sm_90", 90), plain("sm_120", 120),
                           plain("sm_120a", 120), plain("sm_120f", 120),
                           plain("sm_100a", 100), plain("sm_121", 121)});
  EXPECT_EQ(chosen(image), ptxFor("sm_120a"));
  EXPECT_EQ(chosen(image, "sm_121a"), ptxFor("sm_121"));
  EXPECT_EQ(chosen(image, "sm_103a"), ptxFor("sm_90"));
  EXPECT_EQ(chosen(image, "sm_100a"), ptxFor("sm_100a"));
  EXPECT_EQ(chosen(image, "sm_90a"), ptxFor("sm_90"));
}

TEST(Fatbin, WithoutUsablePtxItSaysWhatItHolds) {
  Image image = container({{FatbinEntry::Elf, 120, 0,
                            "\x7f"
                            "ELF1234",
                            0},
                           plain("sm_100a", 100)});
  std::string why = chosen(image);
  for (const char *part : {"no PTX that runs on sm_120a", "cubin for sm_120",
                           "PTX for sm_100a", "-gencode"})
    EXPECT_NE(why.find(part), std::string::npos) << why;
}

TEST(Fatbin, PackedTextsAreUnpacked) {
  std::string text = ptxFor("sm_120a") + std::string(3000, '/');
  std::string packed(ZSTD_compressBound(text.size()), 0);
  packed.resize(ZSTD_compress(packed.data(), packed.size(), text.data(),
                              text.size(), 19));
  EXPECT_EQ(chosen(container({{1, 120, 0x8000, packed, text.size()}})), text);
  for (uint64_t wrong : {text.size() - 1, text.size() + 1, size_t(1) << 40})
    EXPECT_NE(chosen(container({{1, 120, 0x8000, packed, wrong}})), text);
  packed.resize(packed.size() - 3);
  EXPECT_EQ(
      chosen(container({{1, 120, 0x8000, packed, text.size()}})).substr(0, 7),
      "refused");
}

/// The block format's own description: token, literals, distance, more length.
TEST(Fatbin, Lz4BlocksUnpackByTheRules) {
  // 4 literals "abcd"; copy 4+2 from 4 back; last: 5 literals.
  const uint8_t block[] = {0x42, 'a', 'b', 'c', 'd', 4,  0,
                           0x50, 'v', 'w', 'x', 'y', 'z'};
  uint8_t out[32] = {};
  ASSERT_TRUE(unpackLz4(block, sizeof block, out, 15));
  EXPECT_EQ(std::string(out, out + 15), "abcdabcdabvwxyz");
  EXPECT_FALSE(unpackLz4(block, sizeof block, out, 14));
  EXPECT_FALSE(unpackLz4(block, sizeof block, out, 16));
  EXPECT_FALSE(unpackLz4(block, sizeof block - 1, out, 15));
  // One literal, an overlapping copy of 15+255+1+4 of it, the last literals.
  const uint8_t run[] = {0x1f, '#', 1, 0, 255, 1, 0x10, '!'};
  uint8_t longer[277];
  ASSERT_TRUE(unpackLz4(run, sizeof run, longer, sizeof longer));
  EXPECT_EQ(std::string(longer, longer + 277), std::string(276, '#') + "!");
  const uint8_t far[] = {0x10, 'a', 2, 0, 0x10, 'b'}; // before the start
  EXPECT_FALSE(unpackLz4(far, sizeof far, out, 6));
  const uint8_t none[] = {0x10, 'a', 0, 0, 0x10, 'b'}; // distance 0
  EXPECT_FALSE(unpackLz4(none, sizeof none, out, 6));
  EXPECT_FALSE(unpackLz4(none, 0, out, 0));
  const uint8_t empty[] = {0};
  EXPECT_TRUE(unpackLz4(empty, 1, out, 0));
}

TEST(Fatbin, EverySizeIsChecked) {
  const Image good = container({plain("sm_90", 90), plain("sm_120a", 120)});
  for (size_t bytes = 0; bytes < good.size(); ++bytes) {
    Image cut(good.begin(), good.begin() + static_cast<ptrdiff_t>(bytes));
    EXPECT_EQ(chosen(cut).substr(0, 7), "refused") << bytes;
  }
  // Sizes in the container's header and in the first entry's.
  for (size_t at : {6, 8, 12, 20, 24})
    for (uint32_t value : {0x7fffffffu, 0xffffffffu, 0xfff0u}) {
      Image bad = good;
      std::memcpy(bad.data() + at, &value, at == 6 ? 2 : 4);
      if (bad != good) {
        EXPECT_EQ(chosen(bad).substr(0, 7), "refused") << at << " " << value;
      }
    }
}

TEST(Fatbin, NvidiasToolWritesWhatIsRead) {
  std::string tool = NYBL_CUDA_INCLUDE "/../bin/fatbinary";
  if (!std::filesystem::exists(tool))
    GTEST_SKIP() << "there is no " << tool;
  auto folder = std::filesystem::path(testing::TempDir()) / "nybl-fatbin";
  std::filesystem::create_directories(folder);
  auto path = [&](const char *name) { return (folder / name).string(); };
  std::string low = ptxFor("sm_90"), high = ptxFor("sm_120a");
  // Long enough that packing pays off.
  high += ".visible .entry k()\n{\n" + std::string(500, '\n') + "ret;\n}\n";
  std::ofstream(path("low.ptx")) << low;
  std::ofstream(path("high.ptx")) << high;
  for (const char *mode : {"none", "speed", "size", "balance"}) {
    std::string command = "'" + tool + "' --64 --create='" + path("made") +
                          "' --compress-mode=" + mode +
                          " --image3=kind=ptx,sm=90,file='" + path("low.ptx") +
                          "' --image3=kind=ptx,sm=120a,file='" +
                          path("high.ptx") + "'";
    ASSERT_EQ(std::system(command.c_str()), 0) << command;
    std::ifstream file(path("made"), std::ios::binary);
    Image image{std::istreambuf_iterator<char>(file), {}};
    EXPECT_EQ(fatbinBytes(image.data()), image.size());
    // The tool may change white space and comments.
    EXPECT_EQ(targetOf(chosen(image)), "sm_120a") << mode;
    EXPECT_NE(chosen(image).find(".entry k"), std::string::npos) << mode;
    EXPECT_EQ(targetOf(chosen(image, "sm_100a")), "sm_90") << mode;
  }
  std::filesystem::remove_all(folder);
}

} // namespace
