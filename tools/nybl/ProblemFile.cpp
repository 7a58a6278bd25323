// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Problem lines from a file.

#include "tools/nybl/ProblemFile.h"
#include "runtime/Support/File.h"
#include <fmt/format.h>
#include <iostream>
#include <iterator>

using namespace nybl;
using namespace nybl::cli;

static Expected<std::string> readAll(const std::string &path) {
  if (path != "-")
    return readFile(path, 16 << 20);
  return std::string(std::istreambuf_iterator<char>(std::cin), {});
}

Expected<std::vector<AnyProblem>>
nybl::cli::readProblems(const std::string &path) {
  auto text = readAll(path);
  if (!text)
    return text.status();
  std::vector<AnyProblem> problems;
  size_t number = 0;
  for (size_t begin = 0; begin < text->size();) {
    size_t end = std::min(text->find('\n', begin), text->size());
    std::string line = text->substr(begin, end - begin);
    begin = end + 1;
    ++number;
    if (line.empty() || line.front() == '#')
      continue;
    auto problem = parseAnyProblem(line);
    auto *gemm = problem ? std::get_if<GemmProblem>(&*problem) : nullptr;
    if (!problem || (gemm && gemm->n == 0))
      return Status::invalid(fmt::format(
          "{}, line {}: {}", path, number,
          problem ? "a problem with n=0 needs no kernel" : problem.message()));
    problems.push_back(*problem);
  }
  if (problems.empty())
    return Status::invalid(fmt::format(
        "{}: expected a problem line, as \"gemm m=? n=4096 k=7168\", got none",
        path));
  return problems;
}
