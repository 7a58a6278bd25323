// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What refutes a lemma, in words.

#include "tools/nybl/Counterexample.h"
#include <fmt/format.h>
#include <nlohmann/json.hpp>

using namespace nybl;
using namespace nybl::cli;
using Json = nlohmann::json;

static int64_t numberOf(const Json &json, const char *name) {
  auto found = json.find(name);
  return found != json.end() && found->is_number_integer()
             ? found->get<int64_t>()
             : -1;
}

static std::string textOf(const Json &json, const char *name) {
  auto found = json.find(name);
  return found != json.end() && found->is_string() ? found->get<std::string>()
                                                   : "";
}

Expected<Counterexample> Counterexample::parse(const std::string &text) {
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded() || !json.is_object())
    return Status::environment("the compiler's counterexample: expected a JSON "
                               "object; install libnybl_jit.so of this "
                               "version");
  Counterexample c;
  c.lemma = textOf(json, "lemma");
  c.operand = textOf(json, "operand");
  c.m = numberOf(json, "m");
  c.tile = numberOf(json, "tile");
  c.step = numberOf(json, "k_step");
  c.thread = numberOf(json, "thread");
  c.row = numberOf(json, "row");
  c.byte = numberOf(json, "byte");
  return c;
}

static std::string describeScale(const Counterexample &c,
                                 const GemmProblem &problem, int64_t m) {
  ScaleLayout layout = c.operand == "sfa" ? problem.sfa : problem.sfb;
  int64_t rows = c.rowsOf(problem, m), blocks = problem.blocks();
  std::string text = fmt::format("byte {} of '{}'", c.byte, c.operand);
  if (c.byte >= byteSize(layout, rows, blocks))
    return text + " (past its end)";
  ScaleIndex index = indexOf(layout, blocks, c.byte);
  bool real = index.row < rows && index.block < blocks;
  return text + fmt::format(" (row {}, K block {}: {})", index.row, index.block,
                            real ? "real" : "padding");
}

std::string nybl::cli::describeByte(const Counterexample &c,
                                    const GemmProblem &problem, int64_t m) {
  if (c.isScales())
    return describeScale(c, problem, m);
  if (c.row < 0)
    return fmt::format("byte {} of '{}'", c.byte, c.operand);
  int64_t rowBytes =
      c.operand == "d" ? problem.n * byteWidth(problem.d) : problem.k / 2;
  bool real = c.row < c.rowsOf(problem, m) && c.byte < rowBytes;
  return fmt::format("byte {} of row {} of '{}' ({})", c.byte, c.row, c.operand,
                     real ? "real" : "padding");
}

/// The operand, and the byte of it that is at fault.
static std::string describeOperand(const Counterexample &c,
                                   const AnyProblem &problem) {
  if (!c.hasByte())
    return fmt::format("operand '{}'", c.operand);
  auto *gemm = std::get_if<GemmProblem>(&problem);
  if (gemm && !gemm->isGeneric()) // else the sizes are in the message alone
    return describeByte(c, *gemm, std::max<int64_t>(c.m, 0));
  return c.row < 0 ? fmt::format("byte {} of '{}'", c.byte, c.operand)
                   : fmt::format("byte {} of row {} of '{}'", c.byte, c.row,
                                 c.operand);
}

std::string nybl::cli::describe(const Counterexample &c,
                                const AnyProblem &problem) {
  std::string text;
  auto add = [&](const std::string &part) {
    text += (text.empty() ? " " : ", ") + part;
  };
  if (c.m >= 0)
    add(fmt::format("M = {}", c.m));
  if (c.tile >= 0)
    add(fmt::format("tile {}", c.tile));
  if (c.step >= 0)
    add(fmt::format("K step {}", c.step));
  if (c.thread >= 0)
    add(fmt::format("thread {}", c.thread));
  if (!c.operand.empty())
    add(describeOperand(c, problem));
  return fmt::format("counterexample to {}:{}", c.lemma,
                     text.empty() ? " every launch" : text);
}
