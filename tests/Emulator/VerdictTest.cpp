// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The loader and ptxas say yes and no to the same forms: every form of the
// patterns below goes to both, for several targets. What differs is listed,
// with the reason, in VerdictExceptions.def.

#include "tests/Emulator/VerdictForms.h"
#include "tests/Emulator/VerdictOracle.h"

#include <cstdio>
#include <gtest/gtest.h>
#include <set>

using namespace nybl::emu;
using namespace nybl::emu::test;

namespace {

const FormFamily families[] = {
    // Integers
    {"{add,sub,min,max}{,.sat,.relu}{.u16,.s16,.u32,.s32,.u64,.s64,.u16x2,"
     ".s16x2,.b32,.b16,.u8}",
     "000"},
    {"{neg,abs,not,cnot}{.u16,.s16,.u32,.s32,.u64,.s64,.b16,.b32,.b64,.s16x2}",
     "00"},
    {"{mul,mad}{,.lo,.hi}{,.sat}{.u16,.s16,.u32,.s32,.u64,.s64,.b32}", "0000"},
    {"mul{,.lo,.hi}{.u16,.s16,.u32,.s32,.u64,.s64,.b32}", "000"},
    {"mad.hi.sat{.s32,.u32}", "0000"},
    {"mul.wide{.u16,.s16}", "r00"},
    {"mul.wide{.u32,.s32}", "d00"},
    {"mul.wide{.u64,.s64}", "q00"},
    {"mad.wide{.u16,.s16}", "r00r"},
    {"mad.wide{.u32,.s32}", "d00d"},
    {"{div,rem}{.u16,.s16,.u32,.s32,.u64,.s64,.b32}", "000"},
    {"sad{.u16,.s16,.u32,.s32,.u64,.s64,.b32}", "0000"},
    {"mul24{,.lo,.hi}{.u32,.s32,.u16,.b32}", "000"},
    {"mad24{,.lo,.hi}{,.sat}{.u32,.s32,.u16}", "0000"},
    {"dp4a{.u32,.s32,.b32}{.u32,.s32}", "rrrr"},
    {"dp2a{,.lo,.hi}{.u32,.s32}{.u32,.s32}", "rrrr"},
    {"{add,sub}.cc{.u32,.s32,.u64,.s64,.b32,.u16}", "000"},
    {"{addc,subc}{,.cc}{.u32,.s32,.u64,.s64,.b32,.u16}", "000"},
    {"{mad.lo,mad.hi,mad.wide}.cc{.u32,.s32,.u64,.s64}", "0000"},
    {"madc{.lo,.hi}{,.cc}{.u32,.s32,.u64,.s64}", "0000"},
    // Bits
    {"{popc,clz}{.b32,.b64,.u32,.b16}", "r0"},
    {"bfind{,.shiftamt}{.u32,.s32,.u64,.s64,.b32}", "r0"},
    {"brev{.b32,.b64,.u32}", "00"},
    {"bfe{.u32,.s32,.u64,.s64,.b32,.u16}", "00rr"},
    {"bfi{.b32,.b64,.u32}", "000rr"},
    {"bmsk{,.clamp,.wrap}{.b32,.u32}", "000"},
    {"szext{,.clamp,.wrap}{.u32,.s32,.b32}", "00r"},
    {"fns{.b32,.u32}", "rrrr"},
    {"lop3{.b32,.b64}", "0000i"},
    {"lop3{.and,.or,.xor}.b32", "r|prrrip"},
    {"lop3{.and,.or}.b32", "_|prrrip"},
    {"lop3.or.b32", "r|prrri!"},
    {"shf{.l,.r}{,.clamp,.wrap}{.b32,.u32,.b64}", "000r"},
    {"prmt.b32{,.f4e,.b4e,.rc8,.ecl,.ecr,.rc16,.xyz}", "rrrr"},
    {"{shl,shr}{.b16,.b32,.b64,.u16,.u32,.u64,.s16,.s32,.s64}", "00r"},
    {"{and,or,xor}{.b16,.b32,.b64,.pred,.u32,.s32}", "000"},
    {"not.pred", "pp"},
    {"mov{.b16,.b32,.b64,.u16,.u32,.u64,.s16,.s32,.s64,.f16,.f16x2,.bf16,"
     ".bf16x2,.f32,.f64,.pred,.b128,.f32x2,.u8}",
     "00"},
    // Comparison and selection
    {"setp{.eq,.lt,.ge,.lo,.hs,.equ,.geu,.num,.nan}{,.and,.xor}{,.ftz}{.b16,"
     ".b32,.b64,.u16,.u32,.u64,.s16,.s32,.s64,.f32,.f64}",
     "p000"},
    {"setp{.eq,.ne,.lt,.ls,.hi,.neu,.gtu,.nan}{,.ftz}{.b16,.b32,.b64,.u16,"
     ".u32,.u64,.s16,.s32,.s64,.f16,.bf16,.f32,.f64}",
     "p|p00"},
    {"setp{.eq,.gt,.lo,.ltu,.num}{.and,.or}{,.ftz}{.f16,.bf16,.f32,.f64,.u32,"
     ".s32}",
     "p|p00!"},
    {"setp{.eq,.lt,.neu}{,.ftz}{.f16x2,.bf16x2}", "p|p00"},
    {"setp{.eq,.lt}{,.ftz}{.f16x2,.bf16x2}", "p00"},
    {"setp{.eq,.lt}{.and}{,.ftz}{.f16x2,.bf16x2}", "p|p00p"},
    {"set{.eq,.lt,.hs,.geu,.nan}{,.ftz}{.u32,.s32,.f32,.u16,.s16,.f16,.bf16,"
     ".f64}{.b16,.b32,.b64,.u16,.u32,.u64,.s16,.s32,.s64,.f16,.bf16,.f32,.f64}",
     "011"},
    {"set{.eq,.lt,.num}{.and,.xor}{,.ftz}{.u32,.f32,.f16,.bf16}{.b32,.s32,"
     ".f16,.bf16,.f32,.f64}",
     "011p"},
    {"set{.eq,.lt}{,.ftz}{.f16x2,.bf16x2,.u32,.s32,.u16,.f32}{.f16x2,.bf16x2}",
     "011"},
    {"selp{.b16,.b32,.b64,.u16,.u32,.u64,.s16,.s32,.s64,.f32,.f64,.f16,.b128,"
     ".f16x2}",
     "000p"},
    {"slct{,.ftz}{.b16,.b32,.b64,.u16,.u32,.u64,.s16,.s32,.s64,.f32,.f64,"
     ".f16}{.s32,.f32,.u32,.s64,.f64}",
     "0001"},
    // Floating point
    {"{add,sub,mul}{,.rn,.rz,.rm,.rp}{,.ftz}{,.sat}{.f16,.f16x2,.bf16,.bf16x2,"
     ".f32,.f32x2,.f64}",
     "000"},
    {"fma{,.rn,.rz,.rm,.rp}{,.ftz}{,.sat}{,.relu}{.f16,.f16x2,.bf16,.bf16x2,"
     ".f32,.f32x2,.f64}",
     "0000"},
    {"fma{.rn,.rz}{.ftz,}{.oob}{,.relu}{.f16,.f16x2,.bf16,.bf16x2,.f32}",
     "0000"},
    {"mad{,.rn,.rz}{,.ftz}{,.sat}{.f32,.f64,.f16}", "0000"},
    {"{add,sub}{,.rn,.rz}{,.ftz}{,.sat}.f32{.f16,.bf16,.f32,.f16x2}", "010"},
    {"fma{,.rn,.rp}{,.ftz}{,.sat}.f32{.f16,.bf16}", "0110"},
    {"mul{.rn}.f32{.f16,.bf16}", "010"},
    {"{min,max}{,.ftz}{,.NaN}{,.xorsign.abs,.abs,.xorsign}{.f16,.f16x2,.bf16,"
     ".bf16x2,.f32,.f64,.f32x2}",
     "000"},
    {"{min,max}{,.ftz}{,.NaN}{,.xorsign.abs,.abs}{.f16,.f16x2,.bf16,.f32,.f64,"
     ".s32}",
     "0000"},
    {"{neg,abs}{,.ftz}{.f16,.f16x2,.bf16,.bf16x2,.f32,.f64,.f32x2}", "00"},
    {"div{,.approx,.full,.rn,.rz,.rm,.rp}{,.ftz}{,.sat}{.f32,.f64,.f16}",
     "000"},
    {"{rcp,sqrt}{,.approx,.rn,.rz,.rm,.rp}{,.ftz}{.f32,.f64,.f16}", "00"},
    {"rsqrt{,.approx,.rn}{,.ftz}{.f32,.f64}", "00"},
    {"{sin,cos,lg2}{,.approx,.rn}{,.ftz}{.f32,.f64,.f16}", "00"},
    {"{ex2,tanh}{,.approx}{,.ftz}{.f32,.f16,.f16x2,.bf16,.bf16x2,.f64}", "00"},
    {"copysign{.f32,.f64,.f16}", "000"},
    {"testp{,.finite,.infinite,.number,.notanumber,.normal,.subnormal}{.f32,"
     ".f64,.f16}",
     "p0"},
    // Conversions
    {"cvt{,.rn,.rz,.rm,.rp,.rni,.rzi}{,.ftz}{,.sat}{.u8,.u16,.u32,.u64,.s8,"
     ".s16,.s32,.s64,.bf16,.f16,.f32,.f64}{.u8,.u16,.u32,.u64,.s8,.s16,.s32,"
     ".s64,.bf16,.f16,.f32,.f64}",
     "01"},
    {"cvt{.rn,.rz,.rna,.rm,.rs}{,.ftz}{,.relu}{,.satfinite}{.f16,.bf16,.tf32}"
     ".f32",
     "01"},
    {"cvt{,.rn,.rz,.rs}{,.relu}{,.satfinite}{.f16x2,.bf16x2}.f32", "011"},
    {"cvt{.rn,.rs}{,.relu}{,.satfinite}{.f16x2,.bf16x2}.f32", "011r"},
    {"cvt{,.rn,.rz}{,.satfinite}{,.relu}{.e4m3x2,.e5m2x2,.e2m1x2,.e2m3x2,"
     ".e3m2x2}.f32",
     "011"},
    {"cvt{.rn,.rz}{,.satfinite}{,.relu}{.e4m3x2,.e5m2x2,.e2m1x2,.e2m3x2,"
     ".e3m2x2,.ue8m0x2}{.f16x2,.bf16x2}",
     "01"},
    {"cvt{,.rn,.rz}{,.satfinite}{,.relu}{.f16x2,.bf16x2}{.e4m3x2,.e5m2x2,"
     ".e2m1x2,.e2m3x2,.e3m2x2,.ue8m0x2}",
     "01"},
    {"cvt{,.rn,.rz,.rp,.rm}{,.satfinite}{,.relu}.ue8m0x2.f32", "011"},
    {"cvt{.rz,.rp,.rn}{,.satfinite}{,.relu}.ue8m0x2.bf16x2", "01"},
    {"cvt{.rs,.rn}{,.relu}{,.satfinite}{.e4m3x4,.e5m2x4,.e2m3x4,.e3m2x4,"
     ".e2m1x4}.f32",
     "0{1111}r"},
    {"cvt.rn.satfinite{,.relu}{,.scaled::n2::ue8m0}.s2f6x2.f32", "011"},
    {"cvt.pack{,.sat}{.u16,.s16,.u8,.s8}.s32", "r11"},
    {"cvt.pack{,.sat}{.u8,.s8,.u4,.s4,.u2,.s2,.u16}.s32.b32", "rrrr"},
    // Lanes together
    {"shfl{,.sync}{.up,.down,.bfly,.idx}{.b32,.u32}", "r|prrrm"},
    {"shfl.sync.idx{.b32,.b64}", "00rrm"},
    {"vote{,.sync}{.all,.any,.uni}{.pred,.b32}", "0!m"},
    {"vote.sync.ballot{.b32,.pred}", "0pm"},
    {"redux.sync{.add,.min,.max,.and,.or,.xor}{,.abs}{,.NaN}{.u32,.s32,.b32,"
     ".f32,.u64}",
     "00m"},
    {"match{.any,.all}{,.sync}{.b32,.b64,.u32}", "r0m"},
    {"match{.any,.all}.sync{.b32,.b64}", "r|p0m"},
    {"elect{,.sync}", "r|pm"},
    {"elect.sync", "_|pm"},
    {"elect.sync", "rm"},
    {"elect.sync", "r|_m"},
    {"{lop3.or.b32,lop3.b32}", "r|_rrrip"},
    {"setp.eq.u32", "p|_rr"},
    {"setp.eq.u32", "_|prr"},
    {"match.all.sync.b32", "r|_rm"},
    {"shfl.sync.up.b32", "r|_rrrm"},
    {"shfl.sync.up.b32", "_|prrrm"},
    {"shfl.sync.up.b32", "_rrrm"},
    {"match.all.sync.b32", "_|prm"},
    {"vote.sync.any.pred", "_pm"},
    {"redux.sync.add.u32", "_rm"},
    {"add.u32", "_rr"},
    {"cvt.u32.u16", "_h"},
    {"selp.b32", "_rrp"},
    {"activemask.b32", "_"},
    {"mov.b32", "_r"},
    {"mov.b32", "{h_}r"},
    {"mov.b64", "{rr}d"},
    {"mov.b32", "r{hh}"},
    {"activemask{.b32,.u32}", "r"},
    {"bar.warp{,.sync}", "m"},
    {"bar.warp.sync", "r"},
    // Memory
    {"atom{,.global}{.add,.min,.max,.and,.or,.xor,.exch,.inc,.dec}{,.noftz}{."
     "b16,.b32,.b64,.b128,.u16,.u32,.u64,.s32,.s64,.f16,.f16x2,.bf16,.bf16x2,."
     "f32,.f64}",
     "0A0"},
    {"red{,.global}{.add,.min,.max,.and,.or,.xor,.exch,.inc,.dec}{,.noftz}{."
     "b16,.b32,.b64,.b128,.u16,.u32,.u64,.s32,.s64,.f16,.f16x2,.bf16,.bf16x2,."
     "f32,.f64}",
     "A0"},
    {"atom{,.global}.cas{.b16,.b32,.b64,.b128,.u16,.u32,.u64,.s32,.s64,.f16,."
     "f16x2,.bf16,.bf16x2,.f32,.f64}",
     "0A00"},
    {"atom{.shared,.shared::cta,.shared::cluster}{.add.u32,.exch.b64,.exch."
     "b128,.add.noftz.f16x2}",
     "0S0"},
    {"atom{.local,.const,.param}{.add.u32,.exch.b128}", "0A0"},
    {"red{.shared,.shared::cta,.shared::cluster}{.add.u32,.max.s64,.add.noftz."
     "bf16}",
     "S0"},
    {"atom{,.relaxed,.acquire,.release,.acq_rel,.sc,.weak,.volatile}{,.cta,."
     "cluster,.gpu,.sys}.global.add.u32",
     "0A0"},
    {"red{,.relaxed,.acquire,.release,.acq_rel,.sc,.weak,.volatile}{,.cta,."
     "cluster,.gpu,.sys}.global.add.u32",
     "A0"},
    {"atom{,.global,.shared}{.add,.min,.max,.exch}{,.noftz}.v2{.f16,.f16x2,."
     "bf16,.bf16x2,.f32,.f64,.b32,.u32}",
     "{00}A{00}"},
    {"red{,.global}{.add,.min,.max}{,.noftz}.v2{.f16,.f16x2,.bf16,.bf16x2,.f32,"
     ".f64,.b32,.u32}",
     "A{00}"},
    {"atom{,.global,.shared}{.add,.min,.max,.exch}{,.noftz}.v4{.f16,.f16x2,."
     "bf16,.bf16x2,.f32,.f64,.b32,.u32}",
     "{0000}A{0000}"},
    {"red{,.global}{.add,.min,.max}{,.noftz}.v4{.f16,.f16x2,.bf16,.bf16x2,.f32,"
     ".f64,.b32,.u32}",
     "A{0000}"},
    {"atom{,.global,.shared}{.add,.min,.max,.exch}{,.noftz}.v8{.f16,.f16x2,."
     "bf16,.bf16x2,.f32,.f64,.b32,.u32}",
     "{00000000}A{00000000}"},
    {"red{,.global}{.add,.min,.max}{,.noftz}.v8{.f16,.f16x2,.bf16,.bf16x2,.f32,"
     ".f64,.b32,.u32}",
     "A{00000000}"},
    {"atom{,.global,.shared}{.add,.exch}.L2::cache_hint{.u32,.b32,.b128}",
     "0A0d"},
    {"atom.global.cas{,.L2::cache_hint}{.b32,.b128}", "0A00d"},
    {"red{,.global,.shared}.add{,.L2::cache_hint}.u32", "A0d"},
    {"ld{,.weak,.volatile,.relaxed,.acquire,.release,.acq_rel,.mmio,.mmio."
     "relaxed}{,.cta,.cluster,.gpu,.sys}{,.global,.shared,.shared::cluster,."
     "local,.const}.b32",
     "0A"},
    {"st{,.weak,.volatile,.relaxed,.acquire,.release,.acq_rel,.mmio,.mmio."
     "relaxed}{,.cta,.cluster,.gpu,.sys}{,.global,.shared,.shared::cluster,."
     "local,.const}.b32",
     "A0"},
    {"ld{,.relaxed.gpu,.volatile,.weak}{,.global,.shared}{,.ca,.cg,.cs,.lu,.cv,"
     ".wb,.wt}{,.nc}{,.L1::evict_last,.L1::no_allocate}.b32",
     "0A"},
    {"st{,.relaxed.gpu,.volatile,.weak}{,.global,.shared}{,.ca,.cg,.cs,.lu,.cv,"
     ".wb,.wt}{,.nc}{,.L1::evict_first}.b32",
     "A0"},
    {"ld{,.volatile,.mmio.relaxed.sys}{,.global,.local,.shared}{,.L1::evict_"
     "unchanged}{,.L2::64B,.L2::128B}{,.L2::evict_last}.b32",
     "0A"},
    {"ld{,.volatile}{,.global,.shared,.local}.L2::cache_hint.b32", "0Ad"},
    {"st{,.volatile}{,.global,.shared,.local}.L2::cache_hint.b32", "A0d"},
    {"ld{.global,.shared,.const,}{,.L2::evict_first,.L2::evict_unchanged}{.b8,."
     "u16,.b32,.f32,.s64,.f64,.b128,.f16}",
     "0A"},
    {"st{.global,.shared,.local}{,.L2::evict_normal}{.b8,.u16,.b32,.f32,.s64,."
     "f64,.b128,.f16}",
     "A0"},
    {"ldu{,.global,.shared,.const}{.b8,.u16,.b32,.f32,.s64,.f64,.b128,.f16}",
     "0A"},
    {"ld{.global,.shared,.const,}{,.L2::evict_first,.L2::evict_unchanged}.v2{."
     "b8,.u16,.b32,.f32,.s64,.f64,.b128,.f16}",
     "{00}A"},
    {"st{.global,.shared,.local}{,.L2::evict_normal}.v2{.b8,.u16,.b32,.f32,."
     "s64,.f64,.b128,.f16}",
     "A{00}"},
    {"ldu{,.global,.shared,.const}.v2{.b8,.u16,.b32,.f32,.s64,.f64,.b128,.f16}",
     "{00}A"},
    {"ld{.global,.shared,.const,}{,.L2::evict_first,.L2::evict_unchanged}.v4{."
     "b8,.u16,.b32,.f32,.s64,.f64,.b128,.f16}",
     "{0000}A"},
    {"st{.global,.shared,.local}{,.L2::evict_normal}.v4{.b8,.u16,.b32,.f32,."
     "s64,.f64,.b128,.f16}",
     "A{0000}"},
    {"ldu{,.global,.shared,.const}.v4{.b8,.u16,.b32,.f32,.s64,.f64,.b128,.f16}",
     "{0000}A"},
    {"ld{.global,.shared,.const}{,.L2::evict_first,.L2::evict_unchanged}.v8{."
     "b8,.u16,.b32,.f32,.s64,.f64,.b128,.f16}",
     "{00000000}A"},
    // Not .v8.u16 at a generic address: ptxas 13.0 crashes.
    {"ld.v8{.b8,.b32,.f32,.s64,.f16}", "{00000000}A"},
    {"st{.global,.shared,.local}{,.L2::evict_normal}.v8{.b8,.u16,.b32,.f32,."
     "s64,.f64,.b128,.f16}",
     "A{00000000}"},
    {"ldu{,.global,.shared,.const}.v8{.b8,.u16,.b32,.f32,.s64,.f64,.b128,.f16}",
     "{00000000}A"},
    {"createpolicy.fractional{.L2::evict_last,.L2::evict_normal,.L2::evict_"
     "first,.L2::evict_unchanged}{,.L2::evict_last,.L2::evict_normal,.L2::"
     "evict_first,.L2::evict_unchanged}{.b64,.b32}",
     "d"},
    {"createpolicy.fractional{.L2::evict_last,.L2::evict_normal,.L2::evict_"
     "first,.L2::evict_unchanged}.b64",
     "dr"},
    {"createpolicy.range{,.global,.shared}{.L2::evict_last,.L2::evict_normal,."
     "L2::evict_first,.L2::evict_unchanged}{,.L2::evict_last,.L2::evict_normal,"
     ".L2::evict_first,.L2::evict_unchanged}.b64",
     "dArr"},
    {"createpolicy.cvt{,.L2}.b64", "dd"},
    {"isspacep{,.global,.shared,.local,.param,.param::entry,.param::func,."
     "shared::cta,.shared::cluster}",
     "pd"},
    {"st.async{,.weak,.relaxed.cluster,.release.cluster}{.shared::cluster}."
     "mbarrier::complete_tx::bytes{.b16,.b32,.b64,.b128,.u32,.s64,.f32,.f64}",
     "S0S"},
    {"st.async{,.weak,.release.gpu}.mbarrier::complete_tx::bytes{.b16,.b32,."
     "b64,.b128,.u32,.s64,.f32,.f64}",
     "A0A"},
    {"st.async{,.weak}.shared::cluster.mbarrier::complete_tx::bytes.v2{.b16,."
     "b32,.b64,.b128,.u32,.s64,.f32,.f64}",
     "S{00}S"},
    {"st.async{,.weak}.shared::cluster.mbarrier::complete_tx::bytes.v4{.b16,."
     "b32,.b64,.b128,.u32,.s64,.f32,.f64}",
     "S{0000}S"},
    {"st.async{.release,.mmio.release}{,.cta,.cluster,.gpu,.sys}{,.global,."
     "shared::cluster}{.b16,.b32,.b64,.b128,.u32,.s64,.f32,.f64}",
     "A0"},
    {"red.async{,.relaxed.cluster,.relaxed.gpu}{.shared::cluster}.mbarrier::"
     "complete_tx::bytes{.add,.min,.max,.and,.or,.xor,.inc,.dec,.exch}{.b32,."
     "b64,.u32,.s32,.u64,.s64,.f32}",
     "S0S"},
    {"red.async{.release,.mmio.release}{,.cta,.cluster,.gpu,.sys}.global{.add,."
     "min,.xor,.inc}{.b32,.b64,.u32,.s32,.u64,.s64,.f32}",
     "A0"},
    {"tensormap.replace{,.tile}{.global_address,.rank,.box_dim,.global_dim,."
     "global_stride,.element_stride,.elemtype,.interleave_layout,.swizzle_mode,"
     ".swizzle_atomicity,.fill_mode}{,.global,.shared::cta,.shared}{,.b1024}{."
     "b32,.b64}",
     "A0"},
    {"tensormap.replace{,.tile}{.global_address,.rank,.box_dim,.global_dim,."
     "global_stride,.element_stride,.elemtype,.interleave_layout,.swizzle_mode,"
     ".swizzle_atomicity,.fill_mode}{,.global,.shared::cta,.shared}{,.b1024}{."
     "b32,.b64}",
     "Ai"},
    {"tensormap.replace{,.tile}{.global_address,.rank,.box_dim,.global_dim,."
     "global_stride,.element_stride,.elemtype,.interleave_layout,.swizzle_mode,"
     ".swizzle_atomicity,.fill_mode}{,.global,.shared::cta,.shared}{,.b1024}{."
     "b32,.b64}",
     "Ai0"},
    {"tensormap.replace{,.tile}{.global_address,.rank,.box_dim,.global_dim,."
     "global_stride,.element_stride,.elemtype,.interleave_layout,.swizzle_mode,"
     ".swizzle_atomicity,.fill_mode}{,.global,.shared::cta,.shared}{,.b1024}{."
     "b32,.b64}",
     "A00"},
};

struct Exception {
  const char *chip, *prefix; ///< of the instruction; chip null: any
  bool ours, ptxas;          ///< who takes it
  const char *reason;
};

const Exception exceptions[] = {
#define EXCEPTION(chip, prefix, ours, ptxas, reason)                           \
  {chip, prefix, ours, ptxas, reason},
#include "tests/Emulator/VerdictExceptions.def"
};

std::vector<std::string> corpus() {
  std::vector<std::string> all;
  std::set<std::string> seen;
  for (const FormFamily &family : families)
    for (const std::string &opcode : expandPattern(family.pattern))
      if (std::string line = lineOf(instruction(opcode, family.operands));
          seen.insert(line).second)
        all.push_back(line);
  return all;
}

std::string headOf(const std::string &chip) {
  return verdictHead(chip, formRegisters);
}

class Verdict : public ::testing::TestWithParam<const char *> {};

TEST_P(Verdict, SameAsPtxas) {
  const std::string chip = GetParam();
  std::vector<std::string> forms = corpus();
  std::set<std::string> accepted = acceptedByPtxas(chip, headOf(chip), forms);
  unsigned excepted = 0, wrong = 0;
  for (const std::string &form : forms) {
    std::string why;
    bool theirs = accepted.count(form) != 0,
         ours = acceptedByUs(chip, headOf(chip), form, why);
    if (ours == theirs)
      continue;
    bool known = false;
    for (const Exception &e : exceptions)
      known |= (!e.chip || chip == e.chip) && e.ours == ours &&
               e.ptxas == theirs && form.find(e.prefix) != form.npos;
    excepted += known;
    if (!known && ++wrong <= 2000)
      ADD_FAILURE() << chip << ": " << form << " "
                    << (theirs ? "is legal, but: " + why
                               : std::string("is refused by ptxas"));
  }
  std::printf("%s: %zu forms, %zu of them legal; %u known differences\n",
              chip.c_str(), forms.size(), accepted.size(), excepted);
  EXPECT_GT(accepted.size(), 500u);
  EXPECT_LT(accepted.size(), forms.size());
}

INSTANTIATE_TEST_SUITE_P(Chips, Verdict,
                         ::testing::Values("sm_90", "sm_90a", "sm_100",
                                           "sm_100f", "sm_100a", "sm_103a",
                                           "sm_110f", "sm_120", "sm_120f",
                                           "sm_120a"));

} // namespace
