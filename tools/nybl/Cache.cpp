// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// nybl cache: what compiled kernels are kept on disk, whether they are whole,
// and how to be rid of them.

#include "runtime/Cache/Cache.h"
#include "tools/nybl/Command.h"
#include <CLI/CLI.hpp>
#include <ctime>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

using namespace nybl;
using namespace nybl::cli;
using Json = nlohmann::json;

namespace {

struct Options {
  std::optional<std::string> path;
  std::string size;
  bool json = false;
};

/// One entry, looked at.
struct Entry {
  cache::File file;
  Expected<bundle::Kernel> kernel;
};

/// One folder of the cache; empty where it is not there yet.
struct Tier {
  std::string path;
  uint64_t bytes = 0;
  std::vector<Entry> entries;
  size_t aside = 0, unfinished = 0, damaged = 0;
};

Expected<cache::Settings> settingsOf(const Options &options) {
  auto settings =
      cache::Settings::find(options.path ? options.path->c_str() : nullptr);
  if (!settings.warning.empty())
    return Status::invalid(settings.warning);
  if (settings.tiers.empty())
    return Status::environment("there is no cache: " + settings.off);
  return settings;
}

Expected<Tier> look(const std::string &path) {
  Tier tier;
  tier.path = path;
  auto folder = cache::Folder::open(path, cache::Folder::Use::Read);
  if (!folder)
    return folder.status().code() == ErrorCode::NotFound
               ? Expected<Tier>(std::move(tier))
               : folder.status();
  auto files = folder->files();
  if (!files)
    return files.status();
  for (const cache::File &file : *files) {
    cache::Kind kind = cache::kindOf(file.name);
    tier.bytes += kind == cache::Kind::Other ? 0 : file.bytes;
    tier.aside += kind == cache::Kind::Bad;
    tier.unfinished += kind == cache::Kind::Temporary;
    if (kind != cache::Kind::Entry)
      continue;
    auto kernel = cache::readEntry(*folder, file.name);
    if (!kernel && kernel.status().code() == ErrorCode::NotFound)
      continue; // gone since
    tier.damaged += !kernel;
    tier.entries.push_back({file, std::move(kernel)});
  }
  return tier;
}

Expected<std::vector<Tier>> lookAtAll(const Options &options) {
  auto settings = settingsOf(options);
  if (!settings)
    return settings.status();
  std::vector<Tier> tiers;
  for (const std::string &path : settings->tiers) {
    auto tier = look(path);
    if (!tier)
      return tier.status();
    tiers.push_back(std::move(*tier));
  }
  return tiers;
}

std::string dateOf(int64_t nanoseconds) {
  time_t seconds = nanoseconds / 1'000'000'000;
  tm parts = {};
  gmtime_r(&seconds, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

std::string summary(const Tier &tier) {
  std::string text =
      fmt::format("{}: {}, {}", tier.path,
                  countText(tier.entries.size() - tier.damaged, "kernel"),
                  bytesText(double(tier.bytes)));
  if (tier.damaged)
    text += fmt::format(", {} damaged", tier.damaged);
  if (tier.aside)
    text += fmt::format(", {} set aside as damaged", tier.aside);
  if (tier.unfinished)
    text +=
        fmt::format(", {} being written or left unfinished", tier.unfinished);
  return text + "\n";
}

void printText(const Tier &tier) {
  printOut(summary(tier));
  for (const auto &[file, kernel] : tier.entries) {
    std::string start =
        fmt::format("  {}  {}  {:>8}  ", file.name.substr(0, 12),
                    dateOf(file.written), bytesText(double(file.bytes)));
    if (!kernel) {
      printOut(fmt::format("{}damaged: {}\n", start, kernel.message()));
      continue;
    }
    const KernelRequest &request = kernel->request;
    printOut(fmt::format("{}{}  {}{}{}\n", start, request.chip, request.problem,
                         request.schedule.empty() ? "" : "; ",
                         request.schedule));
  }
}

Json jsonOf(const Tier &tier) {
  Json kernels = Json::array(), damaged = Json::array();
  for (const auto &[file, kernel] : tier.entries) {
    if (!kernel) {
      damaged.push_back({{"file", file.name}, {"why", kernel.message()}});
      continue;
    }
    const KernelRequest &request = kernel->request;
    kernels.push_back({{"file", file.name},
                       {"bytes", file.bytes},
                       {"written", dateOf(file.written)},
                       {"problem", request.problem},
                       {"chip", request.chip},
                       {"schedule", request.schedule},
                       {"template", request.templateDigest},
                       {"compiler", request.compiler},
                       {"ptxas", request.ptxas}});
  }
  return {{"path", tier.path},       {"bytes", tier.bytes},
          {"kernels", kernels},      {"damaged", damaged},
          {"set_aside", tier.aside}, {"unfinished", tier.unfinished}};
}

void printJson(const Json &json) {
  printOut(json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

void printAll(const std::vector<Tier> &tiers, bool json, bool entries) {
  Json folders = Json::array();
  for (const Tier &tier : tiers) {
    if (json)
      folders.push_back(jsonOf(tier));
    else if (entries)
      printText(tier);
    else
      printOut(summary(tier));
  }
  if (json)
    printJson({{"folders", folders}});
}

Status runList(const Options &options) {
  auto tiers = lookAtAll(options);
  if (!tiers)
    return tiers.status();
  printAll(*tiers, options.json, /*entries=*/true);
  return Status::ok();
}

/// Damaged entries of the first folder are set aside, as when one is met.
Status runVerify(const Options &options) {
  auto tiers = lookAtAll(options);
  if (!tiers)
    return tiers.status();
  printAll(*tiers, options.json, /*entries=*/false);
  size_t damaged = 0;
  std::string first;
  for (const Tier &tier : *tiers)
    for (const auto &[file, kernel] : tier.entries)
      if (!kernel && damaged++ == 0)
        first =
            fmt::format("'{}/{}': {}", tier.path, file.name, kernel.message());
  if (damaged == 0)
    return Status::ok();
  auto folder =
      cache::Folder::open(tiers->front().path, cache::Folder::Use::Write);
  for (const auto &[file, kernel] : tiers->front().entries)
    if (folder && kernel.status().code() == ErrorCode::Invalid)
      if (Status status = cache::quarantine(*folder, file.name); !status)
        return status;
  return Status::refused(fmt::format(
      "expected whole entries, got {} that are not; the first is {}; they are "
      "never used, those of the first folder are set aside now, and `nybl "
      "cache "
      "prune` removes them",
      damaged, first));
}

Status prune(const Options &options, const cache::Settings &settings,
             uint64_t limit) {
  const std::string &path = settings.tiers.front();
  cache::Pruned pruned;
  auto folder = cache::Folder::open(path, cache::Folder::Use::Read);
  if (!folder && folder.status().code() != ErrorCode::NotFound)
    return folder.status();
  if (folder) {
    auto removed = cache::prune(*folder, limit, /*bad=*/true);
    if (!removed)
      return removed.status();
    pruned = *removed;
  }
  if (options.json)
    printJson({{"path", path},
               {"removed_files", pruned.files},
               {"removed_bytes", pruned.bytes}});
  else
    printOut(fmt::format("{}: removed {}, {}\n", path,
                         countText(pruned.files, "file"),
                         bytesText(double(pruned.bytes))));
  return Status::ok();
}

Status runPrune(const Options &options) {
  auto settings = settingsOf(options);
  if (!settings)
    return settings.status();
  uint64_t limit = settings->limit;
  if (!options.size.empty()) {
    auto wanted = cache::parseSize(options.size);
    if (!wanted)
      return Status::invalid(fmt::format(
          "--size: expected a number of bytes, as 4096, 512M or 2G, got '{}'",
          options.size));
    limit = *wanted;
  }
  return prune(options, *settings, limit);
}

Status runClear(const Options &options) {
  auto settings = settingsOf(options);
  if (!settings)
    return settings.status();
  return prune(options, *settings, 0);
}

} // namespace

void nybl::cli::addCache(CLI::App &app, int &code) {
  auto options = std::make_shared<Options>();
  CLI::App *verb = app.add_subcommand(
      "cache", "Look after the compiled kernels that are kept on disk\n"
               "NYBL_CACHE_PATH=a:b:c names the folders (the first is written "
               "to), else XDG_CACHE_HOME/nybl or ~/.cache/nybl; "
               "NYBL_CACHE=off keeps none; NYBL_CACHE_SIZE=1G is the most.");
  verb->require_subcommand(1);
  auto add = [&](const char *name, const char *about,
                 Status (*action)(const Options &)) {
    CLI::App *inner = verb->add_subcommand(name, about);
    inner->add_option("--path", options->path,
                      "folders, separated by ':', in place of the "
                      "environment's");
    inner->add_flag("--json", options->json, "as JSON");
    inner->callback(
        [options, action, &code] { code = report(action(*options)); });
    return inner;
  };
  add("ls", "List the kernels of all folders", runList);
  add("verify",
      "Check every byte of all folders; exit code 1 if something is damaged",
      runVerify);
  add("prune",
      "Remove from the first folder what is set aside as damaged, what was "
      "left unfinished, and the oldest kernels while there are too many bytes",
      runPrune)
      ->add_option("--size", options->size,
                   "the most bytes to keep, as 512M, in place of the "
                   "environment's");
  add("clear", "Remove all kernels from the first folder", runClear);
}
