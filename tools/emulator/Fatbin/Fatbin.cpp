// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The container, little endian. NVIDIA does not document it; what is used here
// was seen in what its tools write. Header: magic (4 bytes), version 1 (2), its
// own size (2), size of all entries (8). Entry: kind (2), version (2), header
// size (4), payload size with padding (4), 0 (4), packed size (4, 0 if plain),
// 8 bytes, architecture (4), 8 bytes, flags (8), 8 bytes, unpacked size (8).

#include "tools/emulator/Fatbin/Fatbin.h"

#include <cstdlib>
#include <cstring>
#include <zstd.h>

using namespace nybl::emu;

static constexpr size_t entryBytes = 64;
static constexpr uint64_t lz4Flag = 0x2000, zstdFlag = 0x8000;

template <typename T>
static T load(const uint8_t *from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

size_t nybl::emu::fatbinBytes(const uint8_t *header) {
  if (load<uint32_t>(header) != fatbinMagic)
    return 0;
  uint64_t own = load<uint16_t>(header + 6),
           entries = load<uint64_t>(header + 8);
  return entries > SIZE_MAX - own ? SIZE_MAX : own + entries;
}

static Error broken(const std::string &what, uint64_t offset) {
  return Error{"the fatbin is broken: " + what + " at byte " +
               std::to_string(offset)};
}

/// Reads one entry and moves `at` behind it.
static Expected<FatbinEntry> readEntry(const uint8_t *image, size_t end,
                                       size_t &at) {
  if (end - at < entryBytes)
    return broken("an entry needs 64 bytes, " + std::to_string(end - at) +
                      " are left",
                  at);
  const uint8_t *header = image + at;
  uint32_t headerBytes = load<uint32_t>(header + 4);
  uint32_t padded = load<uint32_t>(header + 8);
  uint32_t packed = load<uint32_t>(header + 16);
  if (headerBytes < entryBytes || headerBytes > end - at ||
      padded > end - at - headerBytes)
    return broken("an entry of " + std::to_string(headerBytes) + " and " +
                      std::to_string(padded) + " bytes reaches past the end",
                  at);
  FatbinEntry entry;
  entry.kind = load<uint16_t>(header);
  entry.architecture = load<uint32_t>(header + 28);
  entry.payload = header + headerBytes;
  uint64_t flags = load<uint64_t>(header + 40);
  if (flags & (lz4Flag | zstdFlag)) {
    entry.packing = flags & lz4Flag ? FatbinEntry::Lz4 : FatbinEntry::Zstd;
    if (packed > padded)
      return broken("a packed size above the padded one", at);
    entry.payloadBytes = packed;
    entry.unpackedBytes = load<uint64_t>(header + 56);
  } else {
    entry.payloadBytes = entry.unpackedBytes = padded;
  }
  at += size_t(headerBytes) + padded;
  return entry;
}

Expected<std::vector<FatbinEntry>> nybl::emu::readFatbin(const uint8_t *image,
                                                         size_t bytes) {
  if (bytes < fatbinHeaderBytes || load<uint32_t>(image) != fatbinMagic)
    return broken("no header", 0);
  uint16_t version = load<uint16_t>(image + 4);
  size_t at = load<uint16_t>(image + 6), end = fatbinBytes(image);
  if (version != 1)
    return broken("version " + std::to_string(version) + " is not known", 4);
  if (at < fatbinHeaderBytes || end > bytes)
    return broken("it says " + std::to_string(end) + " bytes and has " +
                      std::to_string(bytes),
                  6);
  std::vector<FatbinEntry> entries;
  while (at < end) {
    Expected<FatbinEntry> entry = readEntry(image, end, at);
    if (!entry)
      return entry.error();
    entries.push_back(*entry);
  }
  return entries;
}

/// False where the sizes alone show that unpacking must fail, so that a bad
/// header does not cost memory.
static bool isPlausible(const FatbinEntry &entry) {
  constexpr size_t mostLz4 = 255; // unpacked bytes for one packed byte
  if (entry.packing == FatbinEntry::Lz4)
    return entry.unpackedBytes / mostLz4 <= entry.payloadBytes;
  if (entry.packing == FatbinEntry::Zstd)
    return ZSTD_getFrameContentSize(entry.payload, entry.payloadBytes) ==
           entry.unpackedBytes;
  return true;
}

Expected<std::string> nybl::emu::textOf(const FatbinEntry &entry) {
  if (entry.unpackedBytes > mostUnpackedBytes)
    return Error{"the fatbin has a text of " +
                 std::to_string(entry.unpackedBytes) + " bytes; at most " +
                 std::to_string(mostUnpackedBytes) + " are read"};
  std::string text;
  bool good = isPlausible(entry);
  if (good)
    text.resize(entry.unpackedBytes);
  if (good && entry.packing == FatbinEntry::Plain)
    std::memcpy(text.data(), entry.payload, text.size());
  else if (good && entry.packing == FatbinEntry::Lz4)
    good = unpackLz4(entry.payload, entry.payloadBytes,
                     reinterpret_cast<uint8_t *>(text.data()), text.size());
  else if (good)
    good = ZSTD_decompress(text.data(), text.size(), entry.payload,
                           entry.payloadBytes) == text.size();
  if (!good)
    return Error{"the fatbin is broken: a packed text does not unpack to " +
                 std::to_string(entry.unpackedBytes) + " bytes"};
  text.resize(text.find_last_not_of('\0') + 1);
  return text;
}

/// What is left of `text` behind spaces and comments.
static std::string_view skipSpace(std::string_view text) {
  while (!text.empty()) {
    size_t skipped = 0;
    if (text.substr(0, 2) == "//")
      skipped = text.find('\n');
    else if (text.substr(0, 2) == "/*")
      skipped = text.find("*/", 2);
    else if (!std::strchr(" \t\r\n", text[0]))
      return text;
    if (skipped >= text.size() - 1)
      return {};
    text.remove_prefix(text[0] == '/' && text[1] == '*' ? skipped + 2
                                                        : skipped + 1);
  }
  return text;
}

static std::string_view takeWord(std::string_view &text) {
  text = skipSpace(text);
  size_t end = std::min(text.find_first_of(" \t\r\n,/"), text.size());
  std::string_view word = text.substr(0, end);
  text.remove_prefix(end);
  return word;
}

std::string_view nybl::emu::targetOf(std::string_view ptx) {
  if (takeWord(ptx) != ".version")
    return {};
  takeWord(ptx);
  return takeWord(ptx) == ".target" ? takeWord(ptx) : std::string_view{};
}

/// Higher is better: the number, and of the same number the narrower target.
static int rank(std::string_view target) {
  int number = std::atoi(std::string(target.substr(3)).c_str());
  int suffix = target.back() == 'a' ? 2 : target.back() == 'f' ? 1 : 0;
  return number * 4 + suffix;
}

Expected<std::string> nybl::emu::choosePtx(const uint8_t *image, size_t bytes,
                                           const ChipLimits &chip) {
  Expected<std::vector<FatbinEntry>> entries = readFatbin(image, bytes);
  if (!entries)
    return entries.error();
  std::string best, held;
  int bestRank = -1;
  for (const FatbinEntry &entry : *entries) {
    if (entry.kind != FatbinEntry::Ptx) {
      held += (held.empty() ? "" : ", ") +
              std::string(entry.kind == FatbinEntry::Elf ? "cubin" : "binary") +
              " for sm_" + std::to_string(entry.architecture);
      continue;
    }
    Expected<std::string> text = textOf(entry);
    if (!text)
      return text.error();
    std::string_view target = targetOf(*text);
    held += (held.empty() ? "PTX for " : ", PTX for ") + std::string(target);
    if (!runsOn(target, chip) || rank(target) <= bestRank)
      continue;
    bestRank = rank(target);
    best = std::move(*text);
  }
  if (bestRank < 0)
    return Error{"the fatbin has no PTX that runs on " +
                 std::string(chip.name) + ", the emulated chip; it holds " +
                 (held.empty() ? "nothing" : held) +
                 "; let nvcc add -gencode arch=compute_X,code=compute_X"};
  return best;
}
