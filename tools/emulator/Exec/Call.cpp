// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What remains of calls after Ptx/Inline: printing, failed assertions, and the
// indices that no list of branch targets holds.

#include "tools/emulator/Exec/Access.h"
#include "tools/emulator/Exec/Decode.h"

#include <cstdio>
#include <cstring>

using namespace nybl::emu;

namespace {

/// Bytes at generic addresses of one lane; after a finding all reads give 0.
class Reader {
public:
  Reader(Warp &w, unsigned lane) : w(w), lane(lane) {}

  uint64_t read(uint64_t address, uint32_t bytes) {
    uint64_t value = 0;
    if (w.cta.failed())
      return value;
    Place place = resolve(w, MemorySpace::Generic, lane, address, bytes);
    if (!place.data || !checkInitialised(w, place, lane, address, bytes))
      return value;
    for (uint32_t i = 0; place.shadow && i < bytes; ++i)
      if (place.shadow[i] & shadow::poison) {
        w.report(FindingKind::PoisonStored, lane, address + i,
                 "a marked byte is printed");
        return value;
      }
    std::memcpy(&value, place.data, bytes);
    return value;
  }

  std::string text(uint64_t address) {
    std::string result;
    constexpr size_t longest = 1u << 16;
    while (result.size() < longest) {
      auto c = static_cast<char>(read(address++, 1));
      if (!c)
        break;
      result += c;
    }
    return result;
  }

private:
  Warp &w;
  unsigned lane;
};

/// The arguments of vprintf, each at a multiple of its size.
struct Arguments {
  Reader &reader;
  uint64_t at;
  int count = 0;

  uint64_t next(uint32_t bytes) {
    ++count;
    at = (at + bytes - 1) / bytes * bytes;
    at += bytes;
    return reader.read(at - bytes, bytes);
  }
};

/// One conversion, from its '%' on: flags, width, precision, size, letter.
struct Conversion {
  std::string flags; ///< with width and precision
  bool isLong = false;
  char letter = 0;
  size_t length = 0; ///< in the format
};

Conversion readConversion(std::string_view format, Arguments &arguments) {
  Conversion c;
  size_t i = 1;
  for (; i < format.size(); ++i) {
    if (format[i] == '*')
      c.flags += std::to_string(static_cast<int32_t>(arguments.next(4)));
    else if (std::strchr("-+ #.0123456789", format[i]))
      c.flags += format[i];
    else
      break;
  }
  for (; i < format.size() && std::strchr("hljztL", format[i]); ++i)
    c.isLong |= std::strchr("ljzt", format[i]) != nullptr;
  if (i < format.size())
    c.letter = format[i++];
  c.length = i;
  return c;
}

template <typename T>
std::string formatted(const std::string &conversion, T value) {
  char buffer[512];
  int length = std::snprintf(buffer, sizeof buffer, conversion.c_str(), value);
  if (length < 0)
    return "";
  if (static_cast<size_t>(length) < sizeof buffer)
    return std::string(buffer, static_cast<size_t>(length));
  std::string large(static_cast<size_t>(length) + 1, '\0');
  std::snprintf(large.data(), large.size(), conversion.c_str(), value);
  large.pop_back();
  return large;
}

std::string convert(const Conversion &c, Arguments &arguments) {
  std::string start = "%" + c.flags;
  switch (c.letter) {
  case '%':
    return "%";
  case 'd':
  case 'i': {
    uint64_t bits = arguments.next(c.isLong ? 8 : 4);
    long long value =
        c.isLong ? static_cast<int64_t>(bits) : static_cast<int32_t>(bits);
    return formatted(start + "lld", value);
  }
  case 'u':
  case 'x':
  case 'X':
  case 'o':
    return formatted(
        start + "ll" + c.letter,
        static_cast<unsigned long long>(arguments.next(c.isLong ? 8 : 4)));
  case 'c':
    return formatted(start + "c", static_cast<int>(arguments.next(4)));
  case 'p':
    return formatted(start + "p", reinterpret_cast<void *>(arguments.next(8)));
  case 's': {
    uint64_t address = arguments.next(8);
    std::string text = address ? arguments.reader.text(address) : "(null)";
    return formatted(start + "s", text.c_str());
  }
  case 'f':
  case 'F':
  case 'e':
  case 'E':
  case 'g':
  case 'G':
  case 'a':
  case 'A': {
    uint64_t bits = arguments.next(8);
    double value;
    std::memcpy(&value, &bits, sizeof value);
    return formatted(start + c.letter, value);
  }
  default: // not a conversion: as it stands
    return start + (c.letter ? std::string(1, c.letter) : "");
  }
}

/// d = vprintf(a: format, b: arguments), for each lane in turn.
void print(Warp &w, const Instr &in) {
  w.forActive([&](unsigned lane) {
    Reader reader(w, lane);
    std::string format = reader.text(w.q(in.a)[lane]), text;
    Arguments arguments{reader, w.q(in.b)[lane]};
    for (size_t i = 0; i < format.size();) {
      if (format[i] != '%') {
        text += format[i++];
        continue;
      }
      Conversion c =
          readConversion(std::string_view(format).substr(i), arguments);
      text += convert(c, arguments);
      i += c.length;
    }
    w.w(in.d)[lane] = static_cast<uint32_t>(arguments.count);
    if (w.cta.failed())
      return;
    if (w.cta.config.print) {
      w.cta.config.print(text);
      return;
    }
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
  });
}

void taintPrint(Warp &w, const Instr &in) {
  w.forActive([&](unsigned lane) {
    if ((w.taint(in.a)[lane] || w.taint(in.b)[lane]) && !w.cta.failed())
      w.report(FindingKind::PoisonSteers, lane, 0,
               "a marked byte is part of an address");
    w.taint(in.d)[lane] = 0;
  });
}

/// a: message, b: file, c: line, e: function.
void assertionFailed(Warp &w, const Instr &in) {
  auto lane = static_cast<unsigned>(__builtin_ctz(w.active));
  Reader reader(w, lane);
  std::string message = reader.text(w.q(in.a)[lane]),
              file = reader.text(w.q(in.b)[lane]),
              function = reader.text(w.q(in.e)[lane]);
  w.report(FindingKind::Assertion, lane, 0,
           "'" + message + "' failed in " + function + ", " + file + ":" +
               std::to_string(w.w(in.c)[lane]));
}

void badIndex(Warp &w, const Instr &) {
  w.report(FindingKind::Trap, static_cast<unsigned>(__builtin_ctz(w.active)), 0,
           "the index of brx.idx lies past its list of targets");
}

} // namespace

void nybl::emu::addCallOpcodes(OpcodeTable &table) {
  table[ptx::printOpcode] = [](Decoder &d) {
    d.simple(print, taintPrint, {Type::B32, Type::B64, Type::B64, Type::None},
             3);
  };
  table[ptx::assertOpcode] = [](Decoder &d) {
    if (!d.operands(4))
      return;
    d.out.run = assertionFailed;
    d.out.a = d.slot(0, Type::B64);
    d.out.b = d.slot(1, Type::B64);
    d.out.c = d.slot(2, Type::B32);
    d.out.e = d.slot(3, Type::B64);
  };
  table[ptx::badIndexOpcode] = [](Decoder &d) { d.out.run = badIndex; };
}
