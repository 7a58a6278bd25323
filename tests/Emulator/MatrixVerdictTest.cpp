// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The loader and ptxas say yes and no to the same forms of mma.sync, ldmatrix,
// stmatrix and movmatrix: shapes, types, kinds, scales, selectors, registers.

#include "tests/Emulator/VerdictOracle.h"

using namespace nybl::emu;
using namespace nybl::emu::test;

namespace {

const char *const registers =
    "  .reg .b16 %h<4>;\n  .reg .u16 %k<4>;\n  .reg .b32 %r<32>;\n"
    "  .reg .u32 %u<4>;\n  .reg .s32 %s<4>;\n  .reg .f32 %f<4>;\n"
    "  .reg .f16x2 %x<4>;\n  .reg .b64 %d<4>;\n";

unsigned bitsOf(const std::string &type) {
  return type == "tf32" ? 32 : type == "f16" || type == "bf16" ? 16 : 8;
}

std::string vector(unsigned first, unsigned count, char name = 'r') {
  std::string text = "{";
  for (unsigned i = 0; i < count; ++i)
    text +=
        (i ? ", %" : "%") + std::string(1, name) + std::to_string(first + i);
  return text + "}";
}

/// d, a, b, c of a shape; a bit count of 4 is that of packed e2m1.
std::string operandsOf(unsigned depth, unsigned bitsA, unsigned bitsB,
                       const std::string &d, const std::string &c) {
  auto sums = [](const std::string &type) { return type == "f16" ? 2u : 4u; };
  unsigned a = std::max(1u, 16 * depth * bitsA / 1024);
  unsigned b = std::max(1u, 8 * depth * bitsB / 1024);
  return vector(0, sums(d)) + ", " + vector(4, a) + ", " + vector(12, b) +
         ", " + vector(16, sums(c));
}

class Corpus {
public:
  Corpus() {
    addPlain();
    addKinds();
    addScaled();
    addSelectors();
    addRegisters();
    addMoves();
    addOddities();
  }
  std::vector<std::string> forms;

private:
  void add(const std::string &form) {
    if (seen.insert(form).second)
      forms.push_back(form);
  }

  void addPlain() {
    const std::vector<std::string> elements = {"f16",  "bf16", "tf32", "e4m3",
                                               "e5m2", "e2m1", "s8",   "u8"};
    for (unsigned depth : {4, 8, 16, 32, 64})
      for (std::string d : {"f16", "f32", "bf16", "s32"})
        for (std::string c : {"f16", "f32", "s32"})
          for (const std::string &a : elements)
            for (const std::string &b : elements)
              if (depth * bitsOf(a) <= 512)
                add("mma.sync.aligned.m16n8k" + std::to_string(depth) +
                    ".row.col." + d + "." + a + "." + b + "." + c + " " +
                    operandsOf(depth, bitsOf(a), bitsOf(b), d, c) + ";");
  }

  void addKinds() {
    const char *elements[] = {"e4m3", "e5m2", "e2m3", "e3m2", "e2m1"};
    for (unsigned depth : {16, 32, 64})
      for (std::string sums : {"f16", "f32"})
        for (std::string a : elements)
          for (std::string b : elements)
            for (std::string order : {"", "first"}) {
              std::string shape = ".m16n8k" + std::to_string(depth);
              std::string kind = ".kind::f8f6f4";
              add("mma.sync.aligned" + (order.empty() ? shape : kind) +
                  (order.empty() ? ".row.col" + kind : shape + ".row.col") +
                  "." + sums + "." + a + "." + b + "." + sums + " " +
                  operandsOf(depth, 8, 8, sums, sums) + ";");
            }
  }

  void addBlockScaled(const std::string &kind, unsigned depth,
                      const std::string &size, const std::string &types,
                      const std::string &scale,
                      const std::string &selectors = "{0, 0}, {%r25}, {0, 0}") {
    unsigned bits = kind == "mxf8f6f4" ? 8 : 4;
    std::string operands =
        operandsOf(depth, bits, bits, types.substr(0, 3), types.substr(0, 3)) +
        ", {%r24}, " + selectors + ";";
    std::string shape = ".m16n8k" + std::to_string(depth) + ".row.col";
    std::string qualifiers = ".kind::" + kind + ".block_scale" + size;
    std::string all = "." + types + "." + types.substr(0, 3) + scale + " ";
    add("mma.sync.aligned" + shape + qualifiers + all + operands);
    add("mma.sync.aligned" + qualifiers + shape + all + operands);
    add("mma.sync.aligned" + shape + ".kind::" + kind + size + all + operands);
  }

  void addScaled() {
    for (std::string size : {"", ".scale_vec::1X", ".scale_vec::2X",
                             ".scale_vec::4X", ".block16", ".block32"})
      for (std::string scale : {"", ".ue8m0", ".ue4m3"})
        for (unsigned depth : {32, 64}) {
          for (const char *types : {"f32.e4m3.e4m3", "f32.e2m1.e3m2",
                                    "f32.e2m3.e5m2", "f16.e4m3.e4m3"})
            addBlockScaled("mxf8f6f4", depth, size, types, scale);
          for (const char *types :
               {"f32.e2m1.e2m1", "f32.e4m3.e4m3", "f16.e2m1.e2m1"}) {
            addBlockScaled("mxf4", depth, size, types, scale);
            addBlockScaled("mxf4nvf4", depth, size, types, scale);
          }
        }
  }

  void addSelectors() {
    for (unsigned byte = 0; byte < 5; ++byte)
      for (unsigned thread = 0; thread < 5; ++thread) {
        std::string one =
            "{" + std::to_string(byte) + ", " + std::to_string(thread) + "}";
        for (std::string both :
             {one + ", {%r25}, {0, 0}", "{0, 0}, {%r25}, " + one}) {
          addBlockScaled("mxf8f6f4", 32, "", "f32.e4m3.e4m3", ".ue8m0", both);
          addBlockScaled("mxf4", 64, "", "f32.e2m1.e2m1", ".ue8m0", both);
          addBlockScaled("mxf4nvf4", 64, ".scale_vec::2X", "f32.e2m1.e2m1",
                         ".ue8m0", both);
          addBlockScaled("mxf4nvf4", 64, ".scale_vec::4X", "f32.e2m1.e2m1",
                         ".ue4m3", both);
        }
      }
  }

  /// Each operand in registers of each type.
  void addRegisters() {
    const std::pair<const char *, unsigned> shapes[] = {
        {"m16n8k16.row.col.f32.f16.f16.f32", 4},
        {"m16n8k16.row.col.f16.f16.f16.f16", 2},
        {"m16n8k16.row.col.f32.bf16.bf16.f32", 4},
        {"m16n8k8.row.col.f32.tf32.tf32.f32", 4},
        {"m16n8k32.row.col.f32.e4m3.e5m2.f32", 4},
        {"m16n8k32.row.col.f16.e4m3.e4m3.f16", 2},
        {"m16n8k32.row.col.s32.s8.u8.s32", 4}};
    for (char name : {'r', 'u', 's', 'f', 'x'}) {
      for (auto [shape, sums] : shapes) {
        const unsigned counts[] = {sums, 4, 2, sums};
        for (unsigned which = 0; which < 4; ++which) {
          std::string text = "mma.sync.aligned." + std::string(shape);
          for (unsigned i = 0; i < 4; ++i)
            text += (i ? ", " : " ") +
                    vector(0, counts[i], i == which ? name : 'r');
          add(text + ";");
        }
      }
      add("ldmatrix.sync.aligned.m8n8.x2.shared.b16 " + vector(0, 2, name) +
          ", [%r8];");
      add("stmatrix.sync.aligned.m8n8.x2.shared.b16 [%r8], " +
          vector(0, 2, name) + ";");
      add("movmatrix.sync.aligned.m8n8.trans.b16 %" + std::string(1, name) +
          "0, %" + name + "1;");
    }
  }

  void addMoves() {
    for (std::string base : {"ldmatrix", "stmatrix"})
      for (std::string shape : {"m8n8", "m16n16", "m8n16", "m16n8", "m16n32"})
        for (unsigned count : {1, 2, 4})
          for (std::string transposed : {"", ".trans"})
            for (std::string space : {"", ".shared", ".shared::cta", ".global"})
              for (std::string type :
                   {".b16", ".b8", ".b8x16.b6x16_p32", ".b8x16.b4x16_p64",
                    ".b8x16", ".b4x16_p64.b8x16"})
                for (unsigned registers : {count, 2 * count}) {
                  if (registers == 8)
                    continue;
                  std::string data = vector(0, registers);
                  std::string at =
                      space.starts_with(".shared") ? "[%r8+16]" : "[%d0+16]";
                  add(base + ".sync.aligned." + shape + ".x" +
                      std::to_string(count) + transposed + space + type + " " +
                      (base == "ldmatrix" ? data + ", " + at
                                          : at + ", " + data) +
                      ";");
                }
  }

  void addOddities() {
    const std::string sums = "{%r0,%r1,%r2,%r3}", b = "{%r12,%r13}";
    const std::string four = sums + ", " + sums + ", " + b + ", " + sums;
    const std::string scales = ", {%r24}, {0, 0}, {%r25}, {0, 0};";
    const std::string kind = ".kind::mxf4nvf4.block_scale.scale_vec::4X";
    auto scaled = [&](const std::string &opcode) {
      add("mma." + opcode + " " + four + scales);
    };
    const std::string types = ".f32.e2m1.e2m1.f32.ue4m3";
    for (std::string order :
         {"sync.aligned.row.col.m16n8k64", "aligned.sync.m16n8k64.row.col",
          "sync.aligned.m16n8k64.col.row", "sync.aligned.m16n8k64.row.row",
          "sync.aligned.m16n8k64", "sync.m16n8k64.row.col",
          "aligned.m16n8k64.row.col"})
      scaled(order + kind + types);
    const std::string shape = "sync.aligned.m16n8k64.row.col" + kind;
    for (std::string list :
         {".f32.e2m1.e2m1.ue4m3.f32", ".ue4m3.f32.e2m1.e2m1.f32",
          ".f32.e2m1.e2m1.f32.ue4m3.ue4m3",
          ".f32.e2m1.e2m1.f32.ue4m3.satfinite",
          ".scale_vec::2X.f32.e2m1.e2m1.f32.ue4m3"})
      scaled(shape + list);
    for (std::string tail :
         {", %r24, {%h0, %h1}, %r25, {%h2, %h3};",
          ", %r24, {%k0, %k1}, %r25, {%k2, %k3};",
          ", {%r24}, {%r1, %r2}, {%r25}, {0, 0};", ", %r24, %h0, %r25, %h1;",
          ", {%r24}, {0}, {%r25}, {0};", ", 0, {0, 0}, 0, {0, 0};",
          ", {%r24}, {0, 0, 0}, {%r25}, {0, 0};",
          ", {%r24}, {-1, 0}, {%r25}, {0, 0};", ";"})
      add("mma." + shape + types + " " + four + tail);
    for (std::string data : {"%r0", "{_}", "{%r0}", "{%h0}", "%d1"})
      add("ldmatrix.sync.aligned.m8n8.x1.shared.b16 " + data + ", [%r8];");
    for (std::string data : {"{_, %r0}", "{%r0, _}", "{_, _}", "{%r0}"})
      add("ldmatrix.sync.aligned.m8n8.x2.shared.b16 " + data + ", [%r8];");
    for (std::string data : {"%r0", "{0}", "{%r0}", "{%h0}"})
      add("stmatrix.sync.aligned.m8n8.x1.shared.b16 [%r8], " + data + ";");
    for (std::string order :
         {"sync.m8n8.x1.shared", "aligned.m8n8.x1.shared",
          "aligned.sync.m8n8.x1.shared", "sync.aligned.shared.x1.m8n8",
          "sync.aligned.m8n8.shared"})
      add("ldmatrix." + order + ".b16 {%r0}, [%r8];");
    for (std::string form :
         {"trans.b16 %r0, %r1", "b16 %r0, %r1", "trans.b8 %r0, %r1",
          "trans.b16 {%r0}, {%r1}", "trans.b16 %r0, 1"})
      add("movmatrix.sync.aligned.m8n8." + form + ";");
    add("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 " + sums +
        ", {%r4, %r5}, %r6, " + sums + ";");
    for (std::string saturate : {".s32.s8.s8.s32", ".f32.bf16.bf16.f32"})
      add("mma.sync.aligned.m16n8k16.row.col.satfinite" + saturate + " " +
          sums + ", {%r4, %r5}, {%r6}, " + sums + ";");
  }

  std::set<std::string> seen;
};

class MatrixVerdict : public ::testing::TestWithParam<const char *> {};

TEST_P(MatrixVerdict, SameAsPtxas) {
  const std::string chip = GetParam();
  const std::string head = verdictHead(chip, registers);
  const std::vector<std::string> forms = Corpus().forms;
  std::set<std::string> accepted = acceptedByPtxas(chip, head, forms);
  for (const std::string &form : forms) {
    std::string why;
    bool theirs = accepted.count(form) != 0;
    if (acceptedByUs(chip, head, form, why) != theirs)
      ADD_FAILURE() << chip << ": " << form << " "
                    << (theirs ? "is legal, but: " + why
                               : std::string("is refused by ptxas"));
  }
  std::printf("%s: %zu forms, %zu of them legal\n", chip.c_str(), forms.size(),
              accepted.size());
  EXPECT_GT(accepted.size(), 80u);
}

INSTANTIATE_TEST_SUITE_P(Chips, MatrixVerdict,
                         ::testing::Values("sm_90", "sm_90a", "sm_100",
                                           "sm_100f", "sm_100a", "sm_103a",
                                           "sm_110f", "sm_120", "sm_120f",
                                           "sm_120a"));

} // namespace
