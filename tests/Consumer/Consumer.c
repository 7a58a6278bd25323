/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 * nybl.h from plain C: open a device by its driver's path, prepare what a
 * bundle has and what needs no kernel, be refused with a sentence. Exit code 0
 * if all is as it should be. */
#include <nybl/nybl.h>
#include <stdio.h>
#include <string.h>

static int expect(nybl_status got, nybl_status wanted, const char *what) {
  if (got == wanted)
    return 0;
  fprintf(stderr, "%s: expected %s, got %s (%s)\n", what,
          nybl_status_name(wanted), nybl_status_name(got), nybl_last_error());
  return 1;
}

static void count_warnings(void *user, nybl_log_level level,
                           const char *message) {
  if (level > NYBL_LOG_WARNING)
    return;
  fprintf(stderr, "%s\n", message);
  ++*(int *)user;
}

/* The compiler, in the process that was installed for it: without a warning. */
static int compile(const char *jit, const char *driver) {
  nybl_library *library = NULL;
  nybl_library_options wanted;
  nybl_device *device = NULL;
  nybl_device_options options;
  nybl_plan *plan = NULL;
  int wrong = 0;
  memset(&wanted, 0, sizeof wanted);
  wanted.size = sizeof wanted;
  wanted.jit_path = jit;
  wanted.cache_path = "";
  wanted.log = count_warnings;
  wanted.log_user = &wrong;
  wrong += expect(nybl_library_create(&wanted, &library), NYBL_OK, "create");
  memset(&options, 0, sizeof options);
  options.size = sizeof options;
  options.driver_path = driver;
  wrong +=
      expect(nybl_device_open(library, &options, &device), NYBL_OK, "open");
  wrong += expect(nybl_prepare(device, "gemm n=24 k=64 d=f32", NULL, &plan),
                  NYBL_OK, "prepare by the compiler");
  nybl_plan_destroy(plan);
  nybl_device_destroy(device);
  nybl_library_destroy(library);
  return wrong;
}

int main(int argc, char **argv) {
  nybl_library *library = NULL;
  nybl_library_options wanted;
  nybl_device *device = NULL;
  nybl_plan *plan = NULL;
  nybl_device_options options;
  nybl_gemm_args args;
  int wrong = 0;
  if (argc != 4 || strcmp(nybl_version(), "0.1.0") != 0)
    return 2;
  memset(&wanted, 0, sizeof wanted);
  wanted.size = sizeof wanted;
  wanted.bundle_path = argv[2];
  wanted.jit_path = "/nonexistent/libnybl_jit.so";
  wrong += expect(nybl_library_create(&wanted, &library), NYBL_OK, "create");
  memset(&options, 0, sizeof options);
  options.size = sizeof options;
  options.driver_path = "/nonexistent/libcuda.so.1";
  wrong += expect(nybl_device_open(library, &options, &device),
                  NYBL_ENVIRONMENT, "open of a driver that is not there");
  wrong += strstr(nybl_last_error(), "/nonexistent/libcuda.so.1") == NULL;
  options.driver_path = argv[1];
  wrong +=
      expect(nybl_device_open(library, &options, &device), NYBL_OK, "open");
  wrong += expect(nybl_prepare(device, "gemm n=0 k=64", NULL, &plan), NYBL_OK,
                  "prepare of no columns");
  nybl_plan_destroy(plan);
  wrong += expect(nybl_prepare(device, "gemm n=24 k=64 d=f32", NULL, &plan),
                  NYBL_OK, "prepare of what the bundle has");
  nybl_plan_destroy(plan);
  wrong += expect(nybl_prepare(device, "gemm n=40 k=64 d=f32", NULL, &plan),
                  NYBL_OK, "prepare of what its generic kernel serves");
  nybl_plan_destroy(plan);
  wrong += expect(nybl_prepare(device, "gemm n=40 k=64 d=f16", NULL, &plan),
                  NYBL_NOT_FOUND, "prepare of what it lacks");
  wrong += strstr(nybl_last_error(), "| nybl bundle - --chips sm_120a") == NULL;
  wrong += expect(nybl_prepare(device, "gemm n=0 k=64", NULL, &plan), NYBL_OK,
                  "prepare of no columns again");
  memset(&args, 0, sizeof args);
  args.size = sizeof args;
  args.m = 3;
  wrong += expect(nybl_launch(plan, &args), NYBL_OK, "launch of no columns");
  args.m = -1;
  wrong += expect(nybl_launch(plan, &args), NYBL_REFUSED, "launch of -1 rows");
  nybl_plan_destroy(plan);
  nybl_device_destroy(device);
  nybl_library_destroy(library);
  wrong += compile(argv[3], argv[1]);
  return wrong != 0;
}
