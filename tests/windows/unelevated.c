/* Runs a program as the same person without an administrator's rights: what Wine starts is elevated,
 * and a module in an elevated process believes no variable.
 *
 *   unelevated PROGRAM ARGUMENT...     standard input, output and error are the program's, and so is
 *                                      the exit code
 */
#include <windows.h>
#include <stdio.h>

/* Whether this process's token is elevated, and if so the other one of the same logon. */
static HANDLE other(void)
{
    HANDLE own;
    DWORD length;
    TOKEN_ELEVATION_TYPE type;
    TOKEN_LINKED_TOKEN linked;
    if (!OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &own) ||
        !GetTokenInformation(own, TokenElevationType, &type, sizeof type, &length)) {
        fprintf(stderr, "no token: error %lu\n", GetLastError());
        ExitProcess(125);
    }
    if (type != TokenElevationTypeFull) return NULL;
    if (!GetTokenInformation(own, TokenLinkedToken, &linked, sizeof linked, &length)) {
        fprintf(stderr, "no unelevated token: error %lu\n", GetLastError());
        ExitProcess(125);
    }
    return linked.LinkedToken;
}

/* What of the command line follows the first word. */
static wchar_t *rest(wchar_t *line)
{
    int quoted = 0;
    for (; *line && (quoted || (*line != L' ' && *line != L'\t')); line++) quoted ^= *line == L'"';
    while (*line == L' ' || *line == L'\t') line++;
    return line;
}

int main(void)
{
    STARTUPINFOW start = {.cb = sizeof start, .dwFlags = STARTF_USESTDHANDLES};
    PROCESS_INFORMATION made;
    DWORD code = 125, which[3] = {STD_INPUT_HANDLE, STD_OUTPUT_HANDLE, STD_ERROR_HANDLE};
    HANDLE *handle[3] = {&start.hStdInput, &start.hStdOutput, &start.hStdError}, token = other();
    for (int n = 0; n < 3; n++) {
        *handle[n] = GetStdHandle(which[n]);
        SetHandleInformation(*handle[n], HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT);
    }
    wchar_t *line = rest(GetCommandLineW());
    BOOL begun = token ? CreateProcessAsUserW(token, NULL, line, NULL, NULL, TRUE, 0, NULL, NULL,
                                              &start, &made)
                       : CreateProcessW(NULL, line, NULL, NULL, TRUE, 0, NULL, NULL, &start, &made);
    if (!begun) {
        fprintf(stderr, "no process: error %lu\n", GetLastError());
        return 125;
    }
    WaitForSingleObject(made.hProcess, INFINITE);
    GetExitCodeProcess(made.hProcess, &code);
    return (int)code;
}
