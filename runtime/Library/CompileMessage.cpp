// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Fields in a fixed order, said once for each direction.

#include "runtime/Library/CompileMessage.h"
#include <climits>
#include <unistd.h>

using namespace nybl;
using namespace nybl::library;
using forkserver::Message;

namespace {

/// All texts of a request, behind the folder and the flags.
constexpr const char *NyblCompileRequest::*requestTexts[] = {
    &NyblCompileRequest::problem,      &NyblCompileRequest::chip,
    &NyblCompileRequest::schedule,     &NyblCompileRequest::template_text,
    &NyblCompileRequest::cta_text,     &NyblCompileRequest::emit,
    &NyblCompileRequest::dump_dir,     &NyblCompileRequest::ptxas,
    &NyblCompileRequest::ptxas_version};
constexpr size_t textCount = std::size(requestTexts);
static_assert(sizeof(NyblCompileRequest) ==
                  sizeof(size_t) + textCount * sizeof(char *) + 2 * sizeof(int),
              "what a request has travels whole");

enum RequestField { Folder, VerifyEach, KeepRefuted, firstText };

constexpr std::string Compilation::*resultTexts[] = {
    &Compilation::text, &Compilation::manifest, &Compilation::ptx,
    &Compilation::cubin, &Compilation::phases};

enum AnswerField { Code, Reason, firstResult };

constexpr const char *yes = "1", *no = "0";

std::string currentFolder() {
  char folder[PATH_MAX];
  return getcwd(folder, sizeof folder) ? folder : "";
}

Message failure(const Status &status) {
  return {std::to_string(static_cast<int>(status.code())), status.message()};
}

} // namespace

Message nybl::library::toMessage(const NyblCompileRequest &request) {
  Message message = {currentFolder(), request.verify_each ? yes : no,
                     request.keep_refuted ? yes : no};
  for (auto text : requestTexts)
    message.push_back(request.*text ? std::optional<std::string>(request.*text)
                                    : std::nullopt);
  return message;
}

Message nybl::library::answer(const Expected<Provider> &provider,
                              const Message &message) {
  if (!provider)
    return failure(provider.status());
  if (message.size() != firstText + textCount || !message[Folder])
    return failure(
        Status::invalid("expected a request to compile, got something else"));
  // Where there is no such folder any more, relative paths fail by themselves.
  if (chdir(message[Folder]->c_str()) != 0 && chdir("/") != 0)
    return failure(Status::environment("no folder can be entered"));
  NyblCompileRequest request = {};
  request.verify_each = message[VerifyEach] == yes;
  request.keep_refuted = message[KeepRefuted] == yes;
  for (size_t i = 0; i < textCount; ++i)
    if (const auto &text = message[firstText + i])
      request.*requestTexts[i] = text->c_str();
  auto compilation = provider->compile(request);
  if (!compilation)
    return failure(compilation.status());
  Message result = {no, ""};
  for (auto text : resultTexts)
    result.push_back(std::move((*compilation).*text));
  return result;
}

Expected<Compilation> nybl::library::fromAnswer(Message message) {
  auto has = [&](size_t fields) {
    return message.size() == fields && message[Code] && message[Reason];
  };
  // A failure's code is one digit, and never 0.
  if (has(firstResult) && message[Code]->size() == 1 &&
      *message[Code] >= std::to_string(static_cast<int>(ErrorCode::Invalid)) &&
      *message[Code] <= std::to_string(static_cast<int>(ErrorCode::NotFound)))
    return Status::error(static_cast<ErrorCode>(message[Code]->front() - '0'),
                         std::move(*message[Reason]));
  if (!has(firstResult + std::size(resultTexts)) || message[Code] != no)
    return Status::environment(
        "expected a kernel or an error from the compiler's process, got "
        "neither: install nybl-jit-server of this version");
  Compilation compilation;
  for (size_t i = 0; i < std::size(resultTexts); ++i)
    compilation.*resultTexts[i] = message[firstResult + i].value_or("");
  return compilation;
}
