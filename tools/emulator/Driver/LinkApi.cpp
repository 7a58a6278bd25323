// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The linker's calls. There is nothing to link with: a PTX text that is whole
// goes through as it is, and anything else is refused.

#include "tools/emulator/Driver/Image.h"

using namespace nybl::emu;

CUresult CUDAAPI cuLinkCreate_v2(unsigned int optionCount,
                                 CUjit_option *options, void **values,
                                 CUlinkState *handle) {
  Entry entry = enterContext();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  if (!handle || (optionCount > 0 && (!options || !values)))
    return reject(CUDA_ERROR_INVALID_VALUE);
  *handle = entry.state->links.add(std::make_shared<LinkState>());
  return CUDA_SUCCESS;
}

static CUresult addText(CUlinkState handle, CUjitInputType type,
                        const char *text, size_t bytes) {
  Entry entry = enterContext();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  auto link = entry.state->links.find(handle);
  if (!link)
    return refuse(CUDA_ERROR_INVALID_HANDLE, "expected a live linker state");
  if (type != CU_JIT_INPUT_PTX)
    return refuse(CUDA_ERROR_NOT_SUPPORTED,
                  "link: expected PTX text; other inputs are not supported by "
                  "this emulated driver");
  std::lock_guard lock(link->mutex);
  if (!link->text.empty())
    return refuse(CUDA_ERROR_NOT_SUPPORTED,
                  "link: expected one PTX text that is whole; linking several "
                  "is not supported by this emulated driver");
  link->text.assign(text, bytes);
  while (!link->text.empty() && link->text.back() == 0)
    link->text.pop_back();
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuLinkAddData_v2(CUlinkState handle, CUjitInputType type,
                                  void *data, size_t bytes, const char *,
                                  unsigned int, CUjit_option *, void **) {
  if (!data || bytes == 0)
    return reject(CUDA_ERROR_INVALID_VALUE);
  return addText(handle, type, static_cast<const char *>(data), bytes);
}

CUresult CUDAAPI cuLinkAddFile_v2(CUlinkState handle, CUjitInputType type,
                                  const char *path, unsigned int,
                                  CUjit_option *, void **) {
  std::string text;
  if (!path)
    return reject(CUDA_ERROR_INVALID_VALUE);
  if (CUresult status = readImage(path, text))
    return status;
  return addText(handle, type, text.data(), text.size());
}

CUresult CUDAAPI cuLinkComplete(CUlinkState handle, void **image,
                                size_t *bytes) {
  Entry entry = enterContext();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  auto link = entry.state->links.find(handle);
  if (!link || !image)
    return link ? reject(CUDA_ERROR_INVALID_VALUE)
                : reject(CUDA_ERROR_INVALID_HANDLE);
  std::lock_guard lock(link->mutex);
  if (link->text.empty())
    return refuse(CUDA_ERROR_INVALID_VALUE, "link: nothing was added");
  *image = link->text.data();
  if (bytes)
    *bytes = link->text.size() + 1;
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuLinkDestroy(CUlinkState handle) {
  Entry entry = enterAnyContext();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  return entry.state->links.remove(handle) ? CUDA_SUCCESS
                                           : reject(CUDA_ERROR_INVALID_HANDLE);
}
