// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Safetensors: what is written is read; whatever else comes is one clear error.

#include "runtime/Support/Safetensors.h"
#include "runtime/Support/File.h"

#include <csignal>
#include <cstring>
#include <filesystem>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace nybl;

namespace {

/// A folder of this process, removed at the end.
struct Folder {
  Folder() {
    path = std::filesystem::temp_directory_path() /
           ("nybl-support-" + std::to_string(::getpid()));
    std::filesystem::create_directories(path);
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string file(const char *name) const { return path / name; }
  std::filesystem::path path;
};

std::string assemble(const std::string &header, const std::string &data) {
  uint64_t length = header.size();
  return std::string(reinterpret_cast<const char *>(&length), 8) + header +
         data;
}

TEST(Safetensors, RoundTripAndSameBytes) {
  Folder folder;
  std::vector<uint8_t> floats(24, 7), codes(6, 0x21);
  std::vector<Tensor> tensors{{"w", "F32", {2, 3}, floats},
                              {"a", "F4", {3, 4}, codes},
                              {"none", "U8", {0}, {}}};
  ASSERT_TRUE(writeSafetensors(folder.file("x"), tensors));
  std::swap(tensors[0], tensors[2]);
  ASSERT_TRUE(writeSafetensors(folder.file("y"), tensors));
  EXPECT_EQ(*readFile(folder.file("x")), *readFile(folder.file("y")));
  auto file = SafetensorsFile::read(folder.file("x"));
  ASSERT_TRUE(file) << file.message();
  EXPECT_EQ(file->tensors().size(), 3u);
  const Tensor *a = file->find("a");
  ASSERT_TRUE(a);
  EXPECT_EQ(a->shape, (std::vector<int64_t>{3, 4}));
  EXPECT_TRUE(std::equal(a->bytes.begin(), a->bytes.end(), codes.begin()));
  auto missing = file->require("b");
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.message().find("which holds: "), std::string::npos);
}

TEST(Safetensors, TheLayoutOfATensorIsInTheMetadata) {
  std::vector<uint8_t> bytes(8, 7);
  Tensor scales{"s", "U8", {8}, bytes};
  scales.layout = "8x4";
  auto file = SafetensorsFile::parse(
      printSafetensors({scales, {"t", "U8", {8}, bytes}}), "it");
  ASSERT_TRUE(file) << file.message();
  EXPECT_EQ(file->find("s")->layout, "8x4");
  EXPECT_EQ(file->find("t")->layout, "");
  // As others write it, beside what is theirs, and where it is no text.
  for (auto [metadata, layout] :
       {std::pair(R"({"format": "pt", "s.layout": "128x4"})", "128x4"),
        {R"({"s.layout": 4})", ""},
        {R"({"t.layout": "8x4"})", ""},
        {R"("s.layout")", ""}}) {
    auto other = SafetensorsFile::parse(
        assemble(std::string(R"({"__metadata__": )") + metadata +
                     R"(, "s": {"dtype": "U8", "shape": [2],)"
                     R"( "data_offsets": [0, 2]}})",
                 "ab"),
        "other");
    ASSERT_TRUE(other) << other.message();
    EXPECT_EQ(other->find("s")->layout, layout) << metadata;
  }
}

TEST(Safetensors, NoHalfFileIsLeft) {
  Folder folder;
  std::string missing = folder.file("no/such/folder/x");
  EXPECT_FALSE(writeSafetensors(missing, {}));
  EXPECT_TRUE(std::filesystem::is_empty(folder.path));
  // A file that may not grow past 4 bytes: it was begun, and is gone.
  auto before = std::signal(SIGXFSZ, SIG_IGN);
  struct rlimit limit, small;
  getrlimit(RLIMIT_FSIZE, &limit);
  small = {4, limit.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  Status status = writeFile(folder.file("y"), {"123", "456"});
  setrlimit(RLIMIT_FSIZE, &limit);
  std::signal(SIGXFSZ, before);
  EXPECT_FALSE(status);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path));
}

TEST(Files, ModesAreTheOldFilesOrTheUmasks) {
  Folder folder;
  auto modeOf = [&](const char *name) {
    struct stat info = {};
    ::stat(folder.file(name).c_str(), &info);
    return info.st_mode & 0777;
  };
  mode_t before = umask(027);
  EXPECT_TRUE(writeFile(folder.file("new"), {"1"}));
  EXPECT_EQ(modeOf("new"), 0640u);
  ::chmod(folder.file("new").c_str(), 0600);
  EXPECT_TRUE(writeFile(folder.file("new"), {"2"}));
  EXPECT_EQ(modeOf("new"), 0600u);
  EXPECT_EQ(*readFile(folder.file("new")), "2");
  umask(before);
}

TEST(Files, WhatIsNoFileOrTooLargeIsRefusedAtOnce) {
  Folder folder;
  ASSERT_EQ(::mkfifo(folder.file("pipe").c_str(), 0600), 0);
  auto pipe = readFile(folder.file("pipe"));
  EXPECT_NE(pipe.message().find("expected a regular file"), std::string::npos);
  ASSERT_TRUE(writeFile(folder.file("hole"), {"1"}));
  EXPECT_NE(readFile(folder.file("hole"), 0).status().code(),
            ErrorCode::Environment);
  ASSERT_EQ(::truncate(folder.file("hole").c_str(), int64_t(1) << 42), 0);
  auto hole = readFile(folder.file("hole"));
  EXPECT_NE(hole.message().find("this machine's memory"), std::string::npos);
  auto page = readFile(folder.file("hole"), 4096);
  EXPECT_NE(page.message().find("expected at most 4096 bytes"),
            std::string::npos);
}

TEST(Safetensors, EveryTruncationIsAnError) {
  std::string whole = assemble(
      R"({"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", "12345678");
  ASSERT_TRUE(SafetensorsFile::parse(whole, "f"));
  for (size_t n = 0; n < whole.size(); ++n)
    EXPECT_FALSE(SafetensorsFile::parse(whole.substr(0, n), "f")) << n;
}

TEST(Safetensors, EveryFaultIsOneSentence) {
  const std::pair<std::string, std::string> table[] = {
      {"123", "expected 8 bytes of header length, the file has 3"},
      {assemble("", "").replace(3, 1, "\x7f"), "does not fit a file of 8"},
      {assemble("[]", ""), "its header is no JSON object"},
      {assemble(R"({"x":1})", ""), "expected dtype, shape and data_offsets"},
      {assemble(R"({"x":{"dtype":"F32","shape":[2],"data_offsets":[0,9]}})",
                "12345678"),
       "ends at byte 9 of 8 bytes of data"},
      {assemble(R"({"x":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})",
                "12345678"),
       "3 elements of F32 need 12 bytes, its offsets span 8"},
      {assemble(R"({"x":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}})",
                "12345678"),
       "overlap or leave gaps"},
      {assemble(R"({"x":{"dtype":"U8","shape":[5],"data_offsets":[0,5]},)"
                R"("y":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}})",
                "12345678"),
       "overlap or leave gaps"},
      {assemble(R"({"x":{"dtype":"U8","shape":[8],"data_offsets":[0,8]},)"
                R"("x":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}})",
                "12345678"),
       "names a tensor or a field of one twice"},
      {assemble(R"({"x":{"dtype":"F32","dtype":"U8","shape":[8],)"
                R"("data_offsets":[0,8]}})",
                "12345678"),
       "names a tensor or a field of one twice"},
      {assemble(R"({"x":{"dtype":"U8","shape":[-1],"data_offsets":[0,8]}})",
                "12345678"),
       "expected sizes from 0 to 2^48"},
      {assemble(R"({"x":{"dtype":"U8","shape":[8],"data_offsets":[8,0]}})",
                "12345678"),
       "ends at byte 0"},
      {assemble(R"({"x":{"dtype":"F64","shape":[4294967296,4294967296],)"
                R"("data_offsets":[0,8]}})",
                "12345678"),
       "its shape is too large"},
      {assemble(R"({"x":{"dtype":"of tomorrow","shape":[4294967296,)"
                R"(4294967296],"data_offsets":[0,8]}})",
                "12345678"),
       "its shape is too large"},
  };
  for (const auto &[bytes, part] : table) {
    auto file = SafetensorsFile::parse(bytes, "f");
    ASSERT_FALSE(file) << part;
    EXPECT_EQ(file.status().code(), ErrorCode::Invalid);
    EXPECT_NE(file.message().find(part), std::string::npos) << file.message();
  }
}

} // namespace
