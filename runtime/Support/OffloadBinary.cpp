// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reads and writes offload binaries. All numbers are little endian, all offsets
// are from the beginning of the binary they stand in.

#include "runtime/Support/OffloadBinary.h"
#include <bit>
#include <cstring>
#include <fmt/format.h>

using namespace nybl;

static_assert(std::endian::native == std::endian::little,
              "numbers are copied as they are");

namespace {

struct Header {
  uint8_t magic[4] = {0x10, 0xff, 0x10, 0xad};
  uint32_t version = 1;
  uint64_t size = 0;
  uint64_t entryOffset = 0, entrySize = 0;
};

struct Entry {
  uint16_t imageKind = 0, offloadKind = 0;
  uint32_t flags = 0;
  uint64_t wordsOffset = 0, wordCount = 0;
  uint64_t imageOffset = 0, imageSize = 0;
};

struct Word {
  uint64_t name = 0, value = 0;
};
static_assert(sizeof(Header) == 32 && sizeof(Entry) == 40 &&
              sizeof(Word) == 16);

constexpr uint64_t alignment = 8;
constexpr uint64_t mostWords = 64, mostImages = 1 << 20;

uint64_t aligned(uint64_t size) {
  return (size + alignment - 1) / alignment * alignment;
}

template <typename T>
void put(const T &value, std::string &bytes) {
  bytes.append(reinterpret_cast<const char *>(&value), sizeof value);
}

/// One binary within the bytes of a file.
class Reader {
public:
  Reader(std::string_view bytes, uint64_t at) : bytes(bytes), at(at) {}

  Expected<OffloadImage> read();
  uint64_t size() const { return bytes.size(); }

private:
  Status error(const std::string &what) const {
    return Status::invalid(
        fmt::format("offload binary at byte {}: {}", at, what));
  }
  template <typename T>
  Expected<T> get(uint64_t offset, const char *what) const {
    T value;
    if (offset > bytes.size() || bytes.size() - offset < sizeof value)
      return error(fmt::format("expected {} at byte {} of it, but it has {}",
                               what, offset, bytes.size()));
    std::memcpy(&value, bytes.data() + offset, sizeof value);
    return value;
  }
  Expected<std::string> text(uint64_t offset) const;
  Status readHeader(Header &header);

  std::string_view bytes; ///< from the header on; after it, of this one alone
  uint64_t at;            ///< in the file, for messages
};

Status Reader::readHeader(Header &header) {
  auto got = get<Header>(0, "a header");
  if (!got)
    return got.status();
  header = *got;
  Header right;
  if (std::memcmp(header.magic, right.magic, sizeof header.magic) != 0)
    return error("expected it to begin with 10 ff 10 ad");
  if (header.version != right.version)
    return error(
        fmt::format("expected version 1, got version {}", header.version));
  if (header.size > bytes.size() || header.size < sizeof header ||
      header.size % alignment != 0)
    return error(fmt::format("expected a size that is a multiple of {} up to "
                             "{}, what is left, got {}",
                             alignment, bytes.size(), header.size));
  if (header.entrySize != sizeof(Entry))
    return error(fmt::format("expected an entry of {} bytes, got {}",
                             sizeof(Entry), header.entrySize));
  bytes = bytes.substr(0, header.size);
  return Status::ok();
}

Expected<std::string> Reader::text(uint64_t offset) const {
  size_t end = offset < bytes.size() ? bytes.find('\0', offset) : bytes.npos;
  if (end == bytes.npos)
    return error(fmt::format("expected a text that ends at byte {} of it, but "
                             "it has {}",
                             offset, bytes.size()));
  return std::string(bytes.substr(offset, end - offset));
}

Expected<OffloadImage> Reader::read() {
  Header header;
  if (Status status = readHeader(header); !status)
    return status;
  auto entry = get<Entry>(header.entryOffset, "an entry");
  if (!entry)
    return entry.status();
  if (entry->wordCount > mostWords)
    return error(fmt::format("expected at most {} words, got {}", mostWords,
                             entry->wordCount));
  if (entry->imageOffset > bytes.size() ||
      entry->imageSize > bytes.size() - entry->imageOffset)
    return error(fmt::format("expected an image of {} bytes at byte {} of it, "
                             "but it has {}",
                             entry->imageSize, entry->imageOffset,
                             bytes.size()));
  OffloadImage image;
  image.kind = static_cast<ImageKind>(entry->imageKind);
  image.image = bytes.substr(entry->imageOffset, entry->imageSize);
  uint64_t offset = entry->wordsOffset;
  for (uint64_t i = 0; i < entry->wordCount; ++i, offset += sizeof(Word)) {
    auto word = get<Word>(offset, "a word");
    if (!word)
      return word.status();
    auto name = text(word->name), value = text(word->value);
    if (!name || !value)
      return name ? value.status() : name.status();
    if (!image.words.emplace(*name, *value).second)
      return error(fmt::format("expected one word '{}', got two", *name));
  }
  return image;
}

} // namespace

void nybl::append(const OffloadImage &image, std::string &bytes) {
  Header header;
  Entry entry;
  header.entryOffset = sizeof header;
  header.entrySize = sizeof entry;
  entry.imageKind = static_cast<uint16_t>(image.kind);
  entry.wordsOffset = header.entryOffset + sizeof entry;
  entry.wordCount = image.words.size();
  uint64_t textsOffset = entry.wordsOffset + entry.wordCount * sizeof(Word);
  std::string words, texts;
  auto addText = [&](const std::string &text) {
    uint64_t offset = textsOffset + texts.size();
    texts.append(text.c_str(), text.size() + 1);
    return offset;
  };
  for (const auto &[name, value] : image.words) {
    Word word;
    word.name = addText(name);
    word.value = addText(value);
    put(word, words);
  }
  entry.imageOffset = aligned(textsOffset + texts.size());
  entry.imageSize = image.image.size();
  header.size = aligned(entry.imageOffset + entry.imageSize);
  size_t begin = bytes.size();
  put(header, bytes);
  put(entry, bytes);
  bytes += words;
  bytes += texts;
  bytes.resize(begin + entry.imageOffset, '\0');
  bytes += image.image;
  bytes.resize(begin + header.size, '\0');
}

Expected<std::vector<OffloadImage>>
nybl::readOffloadImages(std::string_view bytes) {
  std::vector<OffloadImage> images;
  for (uint64_t at = 0; at < bytes.size();) {
    if (images.size() == mostImages)
      return Status::invalid(
          fmt::format("expected at most {} offload binaries", mostImages));
    Reader reader(bytes.substr(at), at);
    auto image = reader.read();
    if (!image)
      return image.status();
    images.push_back(std::move(*image));
    at += reader.size();
  }
  return images;
}
