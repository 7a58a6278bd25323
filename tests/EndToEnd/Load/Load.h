// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a server does under load: threads, each with a stream, take requests of
// mixed M, and kernels are compiled in between. Each output is compared, bit
// for bit, with that of the same request served alone.
#ifndef NYBL_TESTS_ENDTOEND_LOAD_LOAD_H
#define NYBL_TESTS_ENDTOEND_LOAD_LOAD_H

#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace nybl::load {

/// A problem that is served, of a kernel of its own, or of several.
struct Kind {
  std::string line;     ///< as nybl_prepare takes it
  std::string schedule; ///< empty: chosen
  int64_t mostRows = 200;
  bool allClasses = false; ///< a kernel for each class of M
};

/// Which kind, of which activations, how many rows.
struct Request {
  size_t kind = 0, activations = 0;
  int64_t m = 0;
  auto operator<=>(const Request &) const = default;
};

struct Day {
  std::string jit; ///< path of the compiler; empty: the build's own
  std::vector<Kind> kinds;
  size_t warm = 1; ///< kinds that are asked for from the first request on
  size_t threads = 0, requests = 0;
};

/// The first `warm` kinds from the start, the others one after the other: the
/// last comes up when half of the requests are served.
Request requestOf(const Day &day, size_t number);

/// How many of the day's requests are of each kind.
std::vector<size_t> servedOf(const Day &day);

/// D with what lies around it. Empty where it could not be had.
using Answers = std::map<Request, std::vector<uint8_t>>;

struct Outcome {
  std::vector<std::string> errors; ///< of calls, and the emulator's findings
  std::vector<size_t> wrong;       ///< numbers of requests, in their order
  std::vector<size_t> served;      ///< launches by kind
  size_t besideCompiles = 0;       ///< launches while a thread prepared
  size_t compiled = 0; ///< kinds whose kernel the compiler made in this library
};

/// Each different request of the day once, by one thread, with a library,
/// plans, stream and output of its own.
Answers serveAlone(const Day &day, Outcome &outcome);

/// Or nothing would be compared.
bool allDiffer(const Answers &answers);

/// All requests, by day.threads threads, with a library that has no kernels.
Outcome serve(const Day &day, const Answers &expected);

} // namespace nybl::load

#endif // NYBL_TESTS_ENDTOEND_LOAD_LOAD_H
