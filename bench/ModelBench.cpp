// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The estimate, fed with the tiles of others, against the figures that they
// published (bench/published.json); what it says of small M, and of layers of
// models on five cards. Nothing is measured here. Exit code 1: neither is every
// row of the survey whose tile is named within 15 %, nor is the rank
// correlation over them at least 0.9. Beside it stands the roofline, which
// knows the card and the problem but no kernel.
//   nybl-bench-model [--table bench/published.json] [--json]
#include "compiler/Select/Select.h"
#include "tools/nybl/Layers.h"
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <fmt/format.h>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

using namespace nybl;
using namespace nybl::compiler;
using nlohmann::ordered_json;

namespace {

constexpr double allowedError = 0.15, allowedCorrelation = 0.9;

struct Row {
  std::string kernel, tile, shape, assumed, source;
  bool named = false, survey = false;
  const Card *card = nullptr;
  double published = 0, estimated = 0; ///< TFLOP/s
  double roofline = 0;
  Resource bound = Resource::Latency;

  double error() const { return estimated / published - 1; }
};

/// "8192x4096" into numbers; as many as there are.
std::vector<int64_t> product(const std::string &text) {
  std::vector<int64_t> numbers;
  for (size_t at = 0; at <= text.size();) {
    size_t end = std::min(text.find('x', at), text.size());
    int64_t number = 0;
    std::from_chars(text.data() + at, text.data() + end, number);
    numbers.push_back(number);
    at = end + 1;
  }
  return numbers;
}

const Card *cardOf(const std::string &name) {
  for (const Card &card : cards())
    if (name == card.name)
      return &card;
  return nullptr;
}

/// False if a field is missing or makes no sense.
bool readShape(const ordered_json &json, KernelShape &shape) {
  auto tile = product(json.value("tile", ""));
  auto warps = product(json.value("warps", ""));
  if (tile.size() != 3 || warps.size() != 2)
    return false;
  std::copy(tile.begin(), tile.end(), shape.tile.begin());
  std::copy(warps.begin(), warps.end(), shape.warps.begin());
  std::string copy = json.value("copy", "");
  shape.copy = copy == "tma"        ? CopyKind::Tma
               : copy == "cp.async" ? CopyKind::CpAsync
                                    : CopyKind::Register;
  shape.order =
      json.value("order", "") == "m" ? TileOrder::AlongM : TileOrder::AlongN;
  shape.stages = json.value("stages", 0);
  shape.tilesAtATime = json.value("tiles_at_a_time", 0);
  shape.splitK = json.value("split_k", 0);
  shape.ctasPerMultiprocessor = json.value("ctas", 0);
  shape.wholeSectorStores = true;
  return std::ranges::all_of(tile, [](int64_t v) { return v > 0; }) &&
         std::ranges::all_of(warps, [](int64_t v) { return v > 0; }) &&
         shape.stages > 0 && shape.tilesAtATime > 0 && shape.splitK > 0 &&
         shape.ctasPerMultiprocessor > 0;
}

Expected<Row> readRow(const ordered_json &json) {
  Row row;
  KernelShape shape;
  GemmProblem problem;
  row.kernel = json.value("kernel", "");
  row.tile = json.value("tile", "");
  row.shape = json.value("shape", "");
  row.assumed = json.value("assumed", "");
  row.source = json.value("source", "");
  row.named = json.value("named", false);
  row.survey = json.value("survey", false);
  row.card = cardOf(json.value("card", ""));
  auto mnk = product(row.shape);
  if (!row.card || mnk.size() != 3 || row.source.empty() ||
      !readShape(json, shape))
    return Status::invalid("a row of the table: expected a known card, a shape "
                           "MxNxK, a tile and a source, got " +
                           json.dump());
  problem.n = mnk[1];
  problem.k = mnk[2];
  Estimate e =
      estimate(problem, mnk[0], shape, **findChip(row.card->chip), *row.card);
  double flops = 2.0 * mnk[0] * mnk[1] * mnk[2];
  row.published = json.contains("tflops")
                      ? json.value("tflops", 0.0)
                      : flops / json.value("microseconds", 0.0) / 1e6;
  row.estimated = flopsPerSecond(problem, mnk[0], e) / 1e12;
  row.roofline =
      flops / roofline(problem, mnk[0], **findChip(row.card->chip), *row.card) /
      1e12;
  row.bound = e.bound;
  return row;
}

Expected<std::vector<Row>> readTable(const std::string &path,
                                     ordered_json &json) {
  std::ifstream file(path);
  json = ordered_json::parse(std::istreambuf_iterator<char>(file), {}, nullptr,
                             /*allow_exceptions=*/false);
  bool isTable = json.is_object() && json.contains("rows") &&
                 json["rows"].is_array() && json.contains("left_out") &&
                 json["left_out"].is_array();
  for (const char *list : {"rows", "left_out"})
    for (size_t i = 0; isTable && i < json[list].size(); ++i)
      isTable = list == std::string_view("rows") ? json[list][i].is_object()
                                                 : json[list][i].is_string();
  if (!isTable)
    return Status::environment(
        "expected a table of published figures in '" + path +
        "', an object with the lists rows (of objects) and left_out (of "
        "texts); found none");
  std::vector<Row> rows;
  for (const ordered_json &entry : json["rows"]) {
    Expected<Row> row = readRow(entry);
    if (!row)
      return row.status();
    rows.push_back(*row);
  }
  return rows;
}

//===----------------------------------------------------------------------===//
// Rank correlation
//===----------------------------------------------------------------------===//

/// 1 for the smallest; equal values share the mean of their ranks.
std::vector<double> ranksOf(const std::vector<double> &values) {
  std::vector<double> ranks;
  for (double value : values) {
    double below = 0, equal = 0;
    for (double other : values) {
      below += other < value;
      equal += other == value;
    }
    ranks.push_back(below + (equal + 1) / 2);
  }
  return ranks;
}

double correlation(const std::vector<double> &x, const std::vector<double> &y) {
  double n = static_cast<double>(x.size()), mean = (n + 1) / 2;
  double xy = 0, xx = 0, yy = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    xy += (x[i] - mean) * (y[i] - mean);
    xx += (x[i] - mean) * (x[i] - mean);
    yy += (y[i] - mean) * (y[i] - mean);
  }
  return xx == 0 || yy == 0 ? 0 : xy / std::sqrt(xx * yy);
}

/// How figures that someone names fit those that were published.
struct Fit {
  size_t rows = 0, within = 0;
  double worst = 0, rankCorrelation = 0;

  bool isGood() const {
    return rows > 0 &&
           (within == rows || rankCorrelation >= allowedCorrelation);
  }
};

Fit fitOf(const std::vector<Row> &rows, double Row::*figure) {
  Fit fit;
  std::vector<double> published, figures;
  for (const Row &row : rows) {
    double error = std::abs(row.*figure / row.published - 1);
    ++fit.rows;
    fit.within += error <= allowedError;
    fit.worst = std::max(fit.worst, error);
    published.push_back(row.published);
    figures.push_back(row.*figure);
  }
  fit.rankCorrelation = correlation(ranksOf(published), ranksOf(figures));
  return fit;
}

template <typename Predicate>
std::vector<Row> only(const std::vector<Row> &rows, Predicate predicate) {
  std::vector<Row> chosen;
  std::ranges::copy_if(rows, std::back_inserter(chosen), predicate);
  return chosen;
}

//===----------------------------------------------------------------------===//
// Small M
//===----------------------------------------------------------------------===//

ordered_json smallRow(const GemmProblem &problem, int64_t m, const char *which,
                      const Candidate &candidate) {
  const Estimate &e = candidate.estimate;
  return {{"m", m},
          {"n", problem.n},
          {"k", problem.k},
          {"which", which},
          {"schedule", print(candidate.schedule)},
          {"bytes_in_flight", e.bytesInFlight},
          {"multiprocessors_busy", e.multiprocessorsBusy},
          {"memory_us", e.seconds[static_cast<size_t>(Resource::Memory)] * 1e6},
          {"estimate_us", e.time() * 1e6},
          {"bound", std::string(name(e.bound))}};
}

ordered_json smallM(const Chip &chip, const Card &card) {
  ordered_json rows = ordered_json::array();
  for (auto [n, k] : {std::pair<int64_t, int64_t>(4096, 14336), {8192, 8192}})
    for (int64_t m : {1, 8, 16}) {
      GemmProblem problem;
      problem.n = n;
      problem.k = k;
      problem.m = Extent::fixed(m);
      Schedule chosen = select(specialise(problem), chip)->schedule;
      rows.push_back(smallRow(
          problem, m, "chosen",
          {chosen, estimate(problem, m, describe(chosen, chip), chip, card)}));
      auto ranked = rank(candidates(problem, chip), problem, m, chip, card);
      rows.push_back(smallRow(problem, m, "best", ranked->front()));
    }
  return rows;
}

//===----------------------------------------------------------------------===//
// Layers of models
//===----------------------------------------------------------------------===//

constexpr const char *cardNames[] = {"b200", "b300", "rtx-pro-6000", "rtx-5090",
                                     "gb10"};

/// What is chosen for a layer's class, at the layer's M.
Expected<ordered_json> layerOn(const cli::Layer &layer, const Card &card) {
  GemmProblem problem;
  problem.m = Extent::fixed(layer.m);
  problem.n = layer.n;
  problem.k = layer.k;
  const Chip &chip = **findChip(card.chip);
  Expected<Selection> chosen = select(specialise(problem), chip);
  if (!chosen)
    return chosen.status();
  Estimate e =
      estimate(problem, layer.m, describe(chosen->schedule, chip), chip, card);
  return ordered_json{
      {"card", card.name},
      {"schedule", print(chosen->schedule)},
      {"estimate_us", e.time() * 1e6},
      {"tflops", flopsPerSecond(problem, layer.m, e) / 1e12},
      {"roofline_us", roofline(problem, layer.m, chip, card) * 1e6},
      {"bound", std::string(name(e.bound))}};
}

Expected<ordered_json> layersOfModels() {
  ordered_json rows = ordered_json::array();
  for (const cli::Layer &layer : cli::denseLayers) {
    ordered_json on = ordered_json::array();
    for (const char *name : cardNames) {
      auto one = layerOn(layer, *cardOf(name));
      if (!one)
        return one.status();
      on.push_back(std::move(*one));
    }
    rows.push_back({{"layer", layer.name},
                    {"m", layer.m},
                    {"n", layer.n},
                    {"k", layer.k},
                    {"on", std::move(on)}});
  }
  return rows;
}

//===----------------------------------------------------------------------===//
// What is said
//===----------------------------------------------------------------------===//

void printRows(const std::vector<Row> &rows) {
  fmt::print("{:<29}{:<14}{:<17}{:<13}{:>10}{:>10}{:>8}  {}\n", "kernel",
             "card", "M x N x K", "tile", "published", "estimate", "error",
             "bound");
  for (const Row &row : rows)
    fmt::print("{:<29}{:<14}{:<17}{:<13}{:>10.4g}{:>10.4g}{:>+7.1f}%  {}\n",
               row.kernel, row.card->name, row.shape, row.tile, row.published,
               row.estimated, row.error() * 100, name(row.bound));
}

void printFit(const char *what, const std::vector<Row> &rows) {
  for (auto [who, figure] : {std::pair("the estimate", &Row::estimated),
                             std::pair("the roofline", &Row::roofline)}) {
    Fit fit = fitOf(rows, figure);
    fmt::print("{}, {}: {} of {} within {:.0f} %, the worst off by {:.1f} %; "
               "rank correlation {:.3f}\n",
               what, who, fit.within, fit.rows, allowedError * 100,
               fit.worst * 100, fit.rankCorrelation);
  }
}

void printSmallM(const ordered_json &rows, const Card &card) {
  fmt::print(
      "small M on {}: the schedule that is chosen, and the best of all "
      "by the estimate\n{:>4}{:>7}{:>7}  {:<68}{:>10}{:>6}{:>11}{:>10}  {}\n",
      card.name, "M", "N", "K", "schedule", "B/SM", "SMs", "memory us",
      "est. us", "bound");
  for (const ordered_json &r : rows)
    fmt::print(
        "{:>4}{:>7}{:>7}  {:<68}{:>10.0f}{:>6}{:>11.2f}{:>10.2f}  {}\n",
        r["m"].get<int64_t>(), r["n"].get<int64_t>(), r["k"].get<int64_t>(),
        r["schedule"].get<std::string>(), r["bytes_in_flight"].get<double>(),
        r["multiprocessors_busy"].get<int64_t>(), r["memory_us"].get<double>(),
        r["estimate_us"].get<double>(), r["bound"].get<std::string>());
  fmt::print("B/SM: bytes in flight on a busy multiprocessor; memory us: the "
             "estimate if memory alone bound it\n");
}

void printLayers(const ordered_json &rows) {
  fmt::print("\nlayers of models, the chosen schedule by the estimate, us "
             "(TFLOP/s) and what binds it\n{:<27}{:>5}{:>6}{:>6}",
             "layer", "M", "N", "K");
  for (const char *card : cardNames)
    fmt::print("  {:<29}", card);
  fmt::print("\n");
  for (const ordered_json &row : rows) {
    fmt::print("{:<27}{:>5}{:>6}{:>6}", row["layer"].get<std::string>(),
               row["m"].get<int64_t>(), row["n"].get<int64_t>(),
               row["k"].get<int64_t>());
    for (const ordered_json &on : row["on"])
      fmt::print("  {:>8.2f} ({:>5.0f}) {:<12}",
                 on["estimate_us"].get<double>(), on["tflops"].get<double>(),
                 on["bound"].get<std::string>());
    fmt::print("\n");
  }
}

ordered_json fitJson(const Fit &fit) {
  return {{"rows", fit.rows},
          {"within", fit.within},
          {"worst", fit.worst},
          {"rank_correlation", fit.rankCorrelation}};
}

ordered_json asJson(const std::vector<Row> &rows, const Fit &deciding,
                    const ordered_json &small, const ordered_json &layers) {
  ordered_json list = ordered_json::array();
  for (const Row &row : rows)
    list.push_back({{"kernel", row.kernel},
                    {"card", row.card->name},
                    {"shape", row.shape},
                    {"tile", row.tile},
                    {"named", row.named},
                    {"survey", row.survey},
                    {"published_tflops", row.published},
                    {"estimated_tflops", row.estimated},
                    {"error", row.error()},
                    {"source", row.source},
                    {"assumed", row.assumed}});
  return {{"rows", list},
          {"deciding", fitJson(deciding)},
          {"is_good", deciding.isGood()},
          {"small_m", small},
          {"layers", layers}};
}

void printAll(const std::vector<Row> &rows, const std::vector<Row> &deciding,
              const ordered_json &table) {
  auto named = only(rows, [](const Row &row) { return row.named; });
  auto assumed = only(rows, [](const Row &row) { return !row.named; });
  fmt::print("estimates against published figures, TFLOP/s\n\n"
             "card and tile named:\n");
  printRows(named);
  printFit("of the survey", deciding);
  printFit("all of them", named);
  fmt::print("\ntile or card assumed; these decide nothing:\n");
  printRows(assumed);
  printFit("all of them", assumed);
  for (const ordered_json &text : table["left_out"])
    fmt::print("left out: {}\n", text.get<std::string>());
  fmt::print("\n");
}

int run(const std::string &path, bool isJson) {
  ordered_json table;
  auto rows = readTable(path, table);
  if (!rows)
    return std::fprintf(stderr, "nybl-bench-model: %s\n",
                        rows.message().c_str()),
           3;
  auto deciding =
      only(*rows, [](const Row &row) { return row.named && row.survey; });
  Fit fit = fitOf(deciding, &Row::estimated);
  int code = fit.isGood() ? 0 : 1;
  const Chip &chip = **findChip("sm_120a");
  const Card &card = **findCard("", chip);
  ordered_json small = smallM(chip, card);
  auto layers = layersOfModels();
  if (!layers)
    return std::fprintf(stderr, "nybl-bench-model: %s\n",
                        layers.message().c_str()),
           1;
  if (isJson)
    return fmt::print("{}\n", asJson(*rows, fit, small, *layers).dump(2)), code;
  printAll(*rows, deciding, table);
  printSmallM(small, card);
  printLayers(*layers);
  fmt::print("\nexpected: all rows of the survey with card and tile named "
             "within {:.0f} %, or a rank correlation of {}: {}\n",
             allowedError * 100, allowedCorrelation,
             code == 0 ? "so it is" : "it is not so");
  return code;
}

} // namespace

int main(int argc, char **argv) {
  std::string table = "bench/published.json";
  bool isJson = false;
  for (int i = 1; i < argc; ++i) {
    std::string word = argv[i];
    if (word == "--json")
      isJson = true;
    else if (word == "--table" && i + 1 < argc)
      table = argv[++i];
    else
      return std::fprintf(stderr,
                          "nybl-bench-model: expected --table with a value, or "
                          "--json, got '%s'\n",
                          argv[i]),
             2;
  }
  return run(table, isJson);
}
