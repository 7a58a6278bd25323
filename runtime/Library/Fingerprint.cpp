// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// ELF, 64 bits, little endian: program headers, then the notes.

#include "runtime/Library/Fingerprint.h"
#include "runtime/Abi/KernelProvider.h"
#include <cerrno>
#include <cstring>
#include <elf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <optional>
#include <string_view>
#include <unistd.h>

using namespace nybl;

namespace {

constexpr uint64_t largestNotes = 1 << 16;

/// Exactly that many bytes, or none.
std::optional<std::string> readAt(int file, uint64_t offset, uint64_t size) {
  std::string bytes(size, '\0');
  ssize_t got =
      offset > INT64_MAX ? -1 : pread(file, bytes.data(), size, off_t(offset));
  if (got < 0 || uint64_t(got) != size)
    return std::nullopt;
  return bytes;
}

template <typename T>
std::optional<T> get(std::string_view bytes, uint64_t offset) {
  T value;
  if (offset > bytes.size() || bytes.size() - offset < sizeof value)
    return std::nullopt;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

uint64_t aligned(uint64_t size) { return (size + 3) / 4 * 4; }

/// Our note's text among the notes of one segment.
std::optional<std::string> findNote(std::string_view notes) {
  constexpr std::string_view wanted(NYBL_FINGERPRINT_NOTE_NAME,
                                    sizeof NYBL_FINGERPRINT_NOTE_NAME);
  for (uint64_t at = 0; auto note = get<Elf64_Nhdr>(notes, at);) {
    uint64_t name = at + sizeof *note, text = name + aligned(note->n_namesz);
    at = text + aligned(note->n_descsz);
    if (at > notes.size())
      return std::nullopt;
    if (notes.substr(name, note->n_namesz) == wanted &&
        note->n_type == NYBL_FINGERPRINT_NOTE_TYPE)
      return std::string(notes.substr(text, note->n_descsz));
  }
  return std::nullopt;
}

std::optional<std::string> readNote(int file) {
  auto head = readAt(file, 0, sizeof(Elf64_Ehdr));
  auto header = head ? get<Elf64_Ehdr>(*head, 0) : std::nullopt;
  if (!header || std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 ||
      header->e_ident[EI_CLASS] != ELFCLASS64 ||
      header->e_phentsize != sizeof(Elf64_Phdr))
    return std::nullopt;
  auto table = readAt(file, header->e_phoff,
                      uint64_t(header->e_phnum) * sizeof(Elf64_Phdr));
  for (uint64_t i = 0; table && i < header->e_phnum; ++i) {
    auto segment = *get<Elf64_Phdr>(*table, i * sizeof(Elf64_Phdr));
    if (segment.p_type != PT_NOTE || segment.p_filesz > largestNotes)
      continue;
    if (auto notes = readAt(file, segment.p_offset, segment.p_filesz))
      if (auto text = findNote(*notes))
        return text;
  }
  return std::nullopt;
}

} // namespace

Expected<std::string> nybl::library::readFingerprint(const std::string &path) {
  int file = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0)
    return Status::environment(
        fmt::format("cannot read '{}': {}", path, std::strerror(errno)));
  auto text = readNote(file);
  close(file);
  if (text)
    return *text;
  return Status::environment(
      fmt::format("expected a Nybl compiler at '{}', but it has no note that "
                  "says which: install libnybl_jit.so of this version",
                  path));
}
