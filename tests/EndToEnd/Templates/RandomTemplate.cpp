// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A writer for the body, and a list of things that may be wrong with it.

#include "tests/EndToEnd/Templates/RandomTemplate.h"
#include "tests/EndToEnd/Templates/RandomEpilogue.h"
#include "tests/Oracle/Data.h"

#include <algorithm>
#include <fmt/format.h>
#include <iterator>

using namespace nybl;
using namespace nybl::road;
using oracle::Random;

namespace {

/// The kinds of schedule that exist, with what else they ask for.
constexpr const char *kinds[] = {"",
                                 "kind=plain",
                                 "kind=multistage",
                                 "kind=multistage stages=3",
                                 "kind=cooperative stages=3",
                                 "kind=cooperative fill=tma",
                                 "kind=cooperative store=tma",
                                 "kind=pingpong",
                                 "kind=pingpong fill=tma group=2 store=tma"};

/// Tiles and warps: few elements a thread, since ptxas takes its time for many.
struct Layout {
  int64_t m, n, warpsM, warpsN;
};
constexpr Layout layouts[] = {{16, 16, 1, 1}, {32, 16, 1, 1}, {16, 32, 1, 2},
                              {16, 32, 1, 1}, {32, 32, 2, 1}, {32, 32, 1, 2},
                              {32, 32, 2, 2}, {64, 16, 4, 1}, {16, 64, 1, 4},
                              {64, 32, 2, 2}, {48, 32, 3, 1}, {64, 64, 4, 4},
                              {16, 48, 1, 3}, {96, 16, 3, 1}, {128, 32, 4, 2}};

/// Writes one kernel, line by line.
class Writer {
public:
  /// `alone`: mostly one accumulator, as tensor memory has it.
  Writer(Random &random, bool alone)
      : random(random), several(alone ? 4 : 30) {}
  std::string kernel();

private:
  template <typename... Args>
  void line(fmt::format_string<Args...> format, Args &&...args) {
    text += std::string(depth, ' ') +
            fmt::format(format, std::forward<Args>(args)...) + "\n";
  }
  bool chance(int percent) { return random.between(1, 100) <= percent; }
  template <typename T, size_t n>
  const T &pick(const T (&list)[n]) {
    return list[random.between(0, n - 1)];
  }
  std::string fresh(const char *stem) {
    return fmt::format("%{}{}", stem, names++);
  }
  std::string constant(int64_t value);
  std::string param(const std::string &size);
  std::string operation(const char *op, const std::string &a,
                        const std::string &b);

  void requirements();
  void coordinates();
  std::string disguised(const std::string &coordinate);
  std::string elsewhere();
  std::string rowFor(bool isA);
  std::string load(bool scales, bool fromA, const std::string &row,
                   const char *tile);
  std::string dot(const std::string &acc);
  void accumulate();
  std::string yields(size_t count);
  void map();
  void store();

  Random &random;
  std::string text;
  int depth = 0, names = 0;
  std::string rows = "%m", columns = "%n"; ///< of this tile of D
  int several; ///< per cent of kernels with two accumulators, or loops
  std::vector<std::string> accumulators; ///< most recent last
  bool strange = false;                  ///< loads may come from anywhere
  EpilogueWriter epilogue{random};
};

//===----------------------------------------------------------------------===//
// Coordinates
//===----------------------------------------------------------------------===//

std::string Writer::constant(int64_t value) {
  std::string name = fresh("c");
  line("{} = arith.constant {} : i32", name, value);
  return name;
}

std::string Writer::param(const std::string &size) {
  std::string name = fresh("p");
  line("{} = tile.param {}", name, size);
  return name;
}

std::string Writer::operation(const char *op, const std::string &a,
                              const std::string &b) {
  std::string name = fresh("i");
  line("{} = arith.{} {}, {} : i32", name, op, a, b);
  return name;
}

/// The same number, said in a complicated way.
std::string Writer::disguised(const std::string &coordinate) {
  int64_t divisor = random.between(1, 40);
  switch (random.between(0, 3)) {
  case 0: { // x / d * d + x % d
    std::string d = constant(divisor);
    std::string whole = operation("divui", coordinate, d);
    std::string rest = operation("remui", coordinate, d);
    return operation("addi", operation("muli", whole, d), rest);
  }
  case 1: { // (x * d) / d
    std::string d = constant(divisor);
    return operation("divui", operation("muli", coordinate, d), d);
  }
  case 2: // x + 0
    return operation("addi", param("K mod 16"), coordinate);
  default: // x * 1
    return operation("muli", coordinate, constant(1));
  }
}

/// Some row that is not the tile's own.
std::string Writer::elsewhere() {
  static constexpr const char *sizes[] = {
      "BM", "BN", "N", "K floordiv 16", "BM floordiv 2", "(N + 7) floordiv 8"};
  std::string base = chance(50) ? "%m" : "%n";
  switch (random.between(0, 7)) {
  case 0:
    return constant(random.between(0, 80));
  case 1:
    return param(pick(sizes));
  case 2:
    return operation("addi", base, constant(random.between(1, 40)));
  case 3:
    return operation("addi", base, param(pick(sizes)));
  case 4:
    return operation("muli", base, constant(random.between(0, 3)));
  case 5:
    return operation("divui", base, constant(random.between(1, 9)));
  case 6:
    return operation("remui", base, param(pick(sizes)));
  default:
    return operation("addi", operation("divui", "%m", constant(3)), "%n");
  }
}

/// Another order of D's columns: the tiles turned round by one, each still done
/// once.
void Writer::coordinates() {
  if (chance(15)) {
    std::string whole = param("(N + BN - 1) floordiv BN * BN");
    std::string next = operation("addi", "%n", param("BN"));
    columns = operation("remui", next, whole);
  }
  if (chance(20))
    rows = disguised(rows);
  if (chance(20))
    columns = disguised(columns);
}

std::string Writer::rowFor(bool isA) {
  if (strange && chance(30))
    return elsewhere();
  if (chance(10))
    return disguised(isA ? rows : columns);
  return isA ? rows : columns;
}

//===----------------------------------------------------------------------===//
// The K loop
//===----------------------------------------------------------------------===//

/// `tile` is the row count, BM or BN; the operand need not be the one it is
/// for.
std::string Writer::load(bool scales, bool fromA, const std::string &row,
                         const char *tile) {
  std::string name = fresh(scales ? "s" : "t");
  std::string sizes = fmt::format("[{}, BK]", tile);
  const char *operand = scales ? (fromA ? "SA" : "SB") : (fromA ? "A" : "B");
  line("{} = tile.{} %{}[{}, %k] : !tile.{}<[{}, K]> -> !tile.{}<{}>", name,
       scales ? "load_scales" : "load", operand, row,
       scales ? "scales" : "matrix", fromA ? "M" : "N",
       scales ? "scale_tile" : "tile", sizes);
  return name;
}

std::string Writer::dot(const std::string &acc) {
  bool swapA = strange && chance(20), swapB = strange && chance(20);
  bool apart = strange && chance(20); // scales of other rows than the data
  std::string rowA = rowFor(true), rowB = rowFor(false);
  std::string a = load(false, !swapA, rowA, "BM");
  std::string scaleRowA = apart ? rowFor(true) : rowA;
  std::string sa = load(true, !swapA, scaleRowA, "BM");
  std::string b = load(false, swapB, rowB, "BN");
  std::string sb = load(true, swapB, rowB, "BN");
  if (chance(5)) { // nobody uses it
    bool scales = chance(50), fromA = chance(50);
    load(scales, fromA, rowA, pick({"BM * 2", "24", "1"}));
  }
  std::string name = fresh("d");
  line("{} = tile.dot_scaled {}, {}, {}, {}, {} : !tile.tile<[BM, BK]>, "
       "!tile.scale_tile<[BM, BK]>, !tile.tile<[BN, BK]>, "
       "!tile.scale_tile<[BN, BK]>, !tile.acc<[BM, BN]>",
       name, a, sa, b, sb, acc);
  return name;
}

static std::string repeated(const std::string &word, size_t count) {
  std::string text = word;
  for (size_t i = 1; i < count; ++i)
    text += ", " + word;
  return text;
}

/// One or two accumulators, from zeros or from what an earlier loop left.
void Writer::accumulate() {
  static constexpr const char *extents[] = {
      "0", "16", "64", "K floordiv 2", "K - 16", "K + 64", "BK"};
  size_t count = chance(several) ? 2 : 1;
  std::string inits, results,
      before = accumulators.empty() || chance(85) ? std::string()
                                                  : accumulators.back();
  std::vector<std::string> carried, sums;
  for (size_t i = 0; i < count; ++i) {
    std::string init = before;
    if (init.empty() || i > 0) {
      init = fresh("z");
      line("{} = tile.zeros : !tile.acc<[BM, BN]>", init);
    }
    carried.push_back(fresh("c"));
    sums.push_back(fresh("acc"));
    inits += fmt::format("{}{} = {}", i ? ", " : "", carried[i], init);
    results += (i ? ", " : "") + sums[i];
  }
  const char *extent = chance(8) ? pick(extents) : "K";
  const char *stages = chance(80) ? "stages" : "2";
  line("{} = tile.accumulate %k in {} by BK stages({}) init({}) : {} {{",
       results, extent, stages, inits, repeated("!tile.acc<[BM, BN]>", count));
  depth += 2;
  for (std::string &acc : carried)
    acc = dot(acc);
  if (chance(5)) // a second multiply into the same accumulator
    carried[0] = dot(carried[0]);
  if (chance(4))
    std::swap(carried.front(), carried.back());
  line("tile.yield {} : {}", fmt::join(carried, ", "),
       repeated("!tile.acc<[BM, BN]>", count));
  depth -= 2;
  line("}}");
  accumulators.insert(accumulators.end(), sums.begin(), sums.end());
}

//===----------------------------------------------------------------------===//
// After it
//===----------------------------------------------------------------------===//

/// Over the newest accumulators, gate and up together, with alpha or without.
void Writer::map() {
  std::vector<std::string> operands{accumulators.back()}, types;
  if (accumulators.size() > 1 && chance(80))
    operands.push_back(accumulators[accumulators.size() - 2]);
  types.assign(operands.size(), "!tile.acc<[BM, BN]>");
  if (chance(70)) {
    operands.push_back("%alpha");
    types.push_back("!tile.scalar<f32>");
  }
  std::string name = fresh("map");
  line("{} = tile.map {} : {} -> !tile.acc<[BM, BN]> {{", name,
       fmt::join(operands, ", "), fmt::join(types, ", "));
  depth += 2;
  text += epilogue.body(operands.size(), depth);
  depth -= 2;
  line("}}");
  accumulators.push_back(name);
}

void Writer::store() {
  auto at = [&](const std::string &row, const std::string &column) {
    line("tile.store {}, %D[{}, {}] : !tile.acc<[BM, BN]>, "
         "!tile.matrix<[M, N]>",
         accumulators.back(), row, column);
  };
  int what = random.between(1, 100);
  if (what <= 2) // none
    return;
  if (what <= 6) // somewhere else
    return at(rows, elsewhere());
  at(rows, columns);
  if (what <= 9) // and once more
    at(rows, chance(50) ? columns : elsewhere());
}

void Writer::requirements() {
  if (chance(60))
    line("tile.require BK mod 64 == 0, \"a K step holds whole scale words\"");
  if (chance(10))
    line("tile.require (BM * BN) mod (16 * 8) == 0, \"whole multiplies\"");
}

std::string Writer::kernel() {
  line("tile.kernel @{}<dims(M, N, K), params(BM, BN, BK, stages)>(",
       pick({"gemm", "k", "Fused_2", "stage0"}));
  line("    %A: !tile.matrix<[M, K]>, %SA: !tile.scales<[M, K]>,");
  line("    %B: !tile.matrix<[N, K]>, %SB: !tile.scales<[N, K]>,");
  line("    %D: !tile.matrix<[M, N]>, %alpha: !tile.scalar<f32>) {{");
  depth = 2;
  requirements();
  strange = chance(30);
  if (chance(30))
    text += epilogue.hoisted(depth);
  line("tile.foreach_tile (%m, %n) in ({}, N) by (BM, BN) {{",
       chance(7) ? pick({"16", "48", "72", "N"}) : "M");
  depth = 4;
  coordinates();
  if (chance(50))
    text += epilogue.hoisted(depth);
  for (int64_t loops = chance(several) ? 2 : 1; loops > 0; --loops) {
    accumulate();
    if (loops > 1 && chance(30))
      map();
  }
  for (int64_t maps = random.between(0, 9); maps > 1; maps -= 5)
    map();
  store();
  depth = 2;
  line("}}");
  depth = 0;
  line("}}");
  return text;
}

//===----------------------------------------------------------------------===//
// What may be wrong
//===----------------------------------------------------------------------===//

/// `to` in the place of the first `from`.
struct Change {
  const char *from, *to;
};

constexpr Change changes[] = {
    {"%D[", "%A["},
    {"tile.load %A[", "tile.load %D["},
    {"(M, N)", "(M floordiv 2, N)"},
    {"(M, N)", "(M, M)"},
    {"by (BM, BN)", "by (BM, 2 * BN)"},
    {"by (BM, BN)", "by (BM, 0)"},
    {", %k]", ", %m]"},
    {"%k in K by BK", "%k in K by 64 * BK"},
    {"%k in K by BK", "%k in 0 - 16 by BK"},
    {"%k in K by BK", "%k in M by BK"},
    {"tile.zeros", "tile.nothing"},
    {"tile.yield", "tile.store"},
    {"dims(M, N, K)", "dims(M, N)"},
    {"params(BM, BN, BK, stages)", "params(BM, BN, BK)"},
    {"!tile.matrix<[M, K]>,", "!tile.matrix<[M, K + 1]>,"},
    {"!tile.scales<[N, K]>,", "!tile.scales<[N, K * 2]>,"},
    {"!tile.tile<[BM, BK]>", "!tile.tile<[5000, BK]>"},
    {"!tile.acc<[BM, BN]>", "!tile.acc<[BN, BM]>"},
    {"%alpha: !tile.scalar<f32>", "%alpha: !tile.scalar<f64>"},
    {"tile.foreach_tile", "tile.require BK mod 64 == 1, \"never\" "
                          "tile.foreach_tile"},
    {"tile.foreach_tile", "%x = arith.constant 1 : i64 tile.foreach_tile"},
    {"tile.foreach_tile", "%x = tile.param N - 4096 tile.foreach_tile"},
    {"tile.store", "%no = arith.addi %m, %nothing : i32 tile.store"},
    {"tile.store", "%r = arith.subi %m, %n : i32 tile.store"},
    {"tile.store", "%f = arith.sitofp %m : i32 to f32 tile.store"},
    {"{", ""},
    {"}", "} }"},
    {"tile.kernel", "module { } tile.kernel"},
    {"f32", "f16"},
    {"%k in", "%k on"}};

/// %big wraps for some M, %back may be negative.
constexpr Change rowChanges[] = {
    {"%A[%m,", "%A[%big,"}, {"%D[%m,", "%D[%big,"}, {"%SB[%n,", "%SB[%back,"}};

void replaceFirst(std::string &text, const Change &change) {
  size_t at = text.find(change.from);
  if (at != std::string::npos)
    text.replace(at, std::string_view(change.from).size(), change.to);
}

void makeRowsWrong(std::string &text, Random &random) {
  const Change &change =
      rowChanges[random.between(0, std::size(rowChanges) - 1)];
  replaceFirst(text, change);
  replaceFirst(text,
               {"by (BM, BN) {", "by (BM, BN) {\n"
                                 "    %much = arith.constant 1000000 : i32\n"
                                 "    %big = arith.muli %m, %much : i32\n"
                                 "    %less = arith.constant 32 : i32\n"
                                 "    %back = arith.subi %n, %less : i32"});
}

std::string randomSchedule(Random &random, bool broken) {
  const Layout &l = layouts[random.between(0, std::size(layouts) - 1)];
  int64_t k = random.between(1, 3) * 64;
  if (broken)
    return fmt::format("tile={}x{}x{} warps={}x{}", l.m + 8, l.n, k, l.warpsM,
                       l.warpsN + 2);
  const char *kind = kinds[random.between(0, std::size(kinds) - 1)];
  // Roles are made of whole warpgroups; mostly they are given some.
  bool hasRoles = std::string_view(kind).find("kind=multi") != 0 && kind[0] &&
                  std::string_view(kind) != "kind=plain";
  const Layout *layout = &l;
  while (hasRoles && layout->warpsM * layout->warpsN % 4 != 0 &&
         random.between(0, 30))
    layout = &layouts[random.between(0, std::size(layouts) - 1)];
  return fmt::format("{}{}tile={}x{}x{} warps={}x{}", kind, *kind ? " " : "",
                     layout->m, layout->n, k, layout->warpsM, layout->warpsN);
}

/// Data comes by TMA: rows of whole 16 bytes.
void makeTensor(RandomCase &c, Random &random, bool wrong) {
  c.problem.k = (c.problem.k + 31) / 32 * 32;
  int64_t ctas = random.between(0, 3) ? 1 : 2;
  c.schedule = fmt::format("kind=tmem tile={}x128x{} warps={}x1 stages={} "
                           "fill=tma ctas={}",
                           128 * ctas, 64 << random.between(0, 2),
                           wrong ? 8 : 4, random.between(2, 3), ctas);
}

GemmProblem randomProblem(Random &random) {
  constexpr ScaleLayout scales[] = {ScaleLayout::Linear, ScaleLayout::T128x4,
                                    ScaleLayout::T8x4};
  constexpr OutputType types[] = {OutputType::F32, OutputType::BF16,
                                  OutputType::F16};
  GemmProblem p;
  p.n = random.between(0, 2) ? random.between(1, 72) : random.between(1, 9) * 8;
  p.k = random.between(1, 9) * 16;
  p.sfa = scales[random.between(0, 2)];
  p.sfb = scales[random.between(0, 2)];
  p.d = types[random.between(0, 2)];
  p.alpha = random.between(0, 3) ? AlphaKind::Tensor : AlphaKind::None;
  return p;
}

} // namespace

RandomCase nybl::road::randomCase(uint64_t seed, bool tensor) {
  Random random(seed * 0x9e3779b97f4a7c15 + 1);
  RandomCase c;
  c.seed = seed;
  c.problem = randomProblem(random);
  c.m = random.between(0, 72);
  constexpr float alphas[] = {0.25f, 0.001f, -3.0f, 1.0f, 0.7f};
  c.alpha =
      c.problem.alpha == AlphaKind::None ? 1.0f : alphas[random.between(0, 4)];
  c.hostAlpha = random.between(0, 1) != 0;
  c.encodeAlpha =
      c.problem.alpha != AlphaKind::None && random.between(0, 3) == 0;
  constexpr uint8_t paddings[] = {0x7f, 0xff, 0x7e, 0x38};
  c.padding = paddings[random.between(0, 3)];
  int64_t wrong = random.between(1, 100);
  c.broken = wrong <= 14;
  c.schedule = randomSchedule(random, wrong <= 2);
  if (c.schedule.find("store=tma") != std::string::npos) // rows of 16 bytes
    c.problem.n = (c.problem.n + 7) / 8 * 8;
  if (tensor)
    makeTensor(c, random, wrong <= 2);
  c.text = Writer(random, tensor).kernel();
  if (wrong > 2 && wrong <= 5)
    makeRowsWrong(c.text, random);
  else if (wrong > 5 && wrong <= 14)
    replaceFirst(c.text, changes[random.between(0, std::size(changes) - 1)]);
  return c;
}

static oracle::QuantizedMatrix operandOf(const RandomCase &c, int64_t rows,
                                         uint64_t salt) {
  Random random(c.seed + salt);
  auto m =
      oracle::randomMatrix(rows, c.problem.k, c.seed * 2 + salt, 0x20, 0x50);
  if (rows > 0 && random.between(0, 9) == 0)
    m.setScale(random.between(0, rows - 1), random.between(0, m.blocks() - 1),
               0x7f);
  return m;
}

oracle::QuantizedMatrix nybl::road::randomA(const RandomCase &c) {
  return operandOf(c, c.m, 1);
}

oracle::QuantizedMatrix nybl::road::randomB(const RandomCase &c) {
  return operandOf(c, c.problem.n, 1000003);
}

std::string nybl::road::describe(const RandomCase &c) {
  GemmProblem problem = c.problem;
  problem.m = Extent::fixed(c.m);
  return fmt::format("seed {}\n{}\nschedule '{}', alpha {} ({}{})\n{}", c.seed,
                     print(problem), c.schedule, c.alpha,
                     c.hostAlpha ? "host" : "device",
                     c.encodeAlpha ? ", encode" : "", c.text);
}
