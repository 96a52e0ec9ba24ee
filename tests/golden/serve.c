// SPDX-License-Identifier: GPL-2.0-or-later
// Preloaded into any ipvsadm, makes it serve command lines in one process: a hundred times faster than processes.
//
// Requests and replies are those of Server in transcript.py, on stdin and stdout. main() is called once a request;
// an exit(), a crash or a wait of more than ten seconds inside it comes back here. The first word of a request is argv[0].
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

typedef int main_function(int, char **, char **);

static main_function *ipvsadm_main;
static sigjmp_buf back;
static volatile sig_atomic_t inside, status;

void exit(int code)
{
	if (!inside)
		_exit(code);
	status = code & 0xff;
	siglongjmp(back, 1);
}

static void crashed(int signal)
{
	if (!inside)
		_exit(128 + signal);
	status = 128 + signal;
	siglongjmp(back, 1);
}

static char *read_field(FILE *in, size_t *size)
{
	char *field;

	if (fscanf(in, "%zu", size) != 1 || fgetc(in) != '\n')
		return NULL;
	field = calloc(1, *size + 1);
	if (!field || fread(field, 1, *size, in) != *size)
		return NULL;
	return field;
}

/// Makes `fd` an empty file in memory, or one that holds `text`.
static void become_file(int fd, const char *text, size_t size)
{
	int file = memfd_create("stream", 0);

	if (write(file, text, size) != (ssize_t)size || lseek(file, 0, SEEK_SET) != 0 || dup2(file, fd) != fd)
		_exit(125);
	close(file);
}

static void reply(FILE *out, int fd)
{
	const off_t size = lseek(fd, 0, SEEK_END);
	char *text = malloc((size_t)size + 1);

	if (!text || pread(fd, text, (size_t)size, 0) != size)
		_exit(125);
	fprintf(out, "%jd\n", (intmax_t)size);
	fwrite(text, 1, (size_t)size, out);
	free(text);
}

static int serve(int argc, char **argv, char **env)
{
	FILE *in = fdopen(fcntl(0, F_DUPFD_CLOEXEC, 100), "r"), *out = fdopen(fcntl(1, F_DUPFD_CLOEXEC, 100), "w");
	int count;

	(void)argc;
	(void)argv;
	signal(SIGSEGV, crashed);
	signal(SIGABRT, crashed);
	signal(SIGALRM, crashed);
	while (fscanf(in, "%d", &count) == 1 && fgetc(in) == '\n') {
		char **words = calloc((size_t)count + 1, sizeof(*words));
		char *input;
		size_t size;

		for (int i = 0; i < count; i++)
			words[i] = read_field(in, &size);
		input = read_field(in, &size);
		if (!input)
			return 1;
		become_file(0, input, size);
		become_file(1, "", 0);
		become_file(2, "", 0);
		clearerr(stdin);
		__fpurge(stdin);

		inside = 1;
		alarm(10);
		if (sigsetjmp(back, 1) == 0)
			status = ipvsadm_main(count, words, env) & 0xff;
		inside = 0;
		alarm(0);
		fflush(stdout);
		fprintf(out, "%d\n", (int)status);
		reply(out, 1);
		reply(out, 2);
		fflush(out);
		free(words);
		free(input);
	}
	return 0;
}

typedef int start_function(main_function *, int, char **, void (*)(void), void (*)(void), void (*)(void), void *);

int __libc_start_main(main_function *main, int argc, char **argv, void (*init)(void), void (*fini)(void),
		      void (*rtld_fini)(void), void *stack_end)
{
	start_function *start = (start_function *)dlsym(RTLD_NEXT, "__libc_start_main");

	ipvsadm_main = main;
	return start(serve, argc, argv, init, fini, rtld_fini, stack_end);
}
