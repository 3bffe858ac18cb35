/*
 * A stand-in for libusb-1.0 without a kernel: the 22 functions that Debian's libccid calls, with one
 * device on bus 1 whose transfers go over USB/IP to the port that WARDCARD_USBIP names.
 *
 * cc -shared -fPIC -pthread -Wl,-soname,libusb-1.0.so.0 -o libusb-1.0.so.0 libusb.c
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <libusb-1.0/libusb.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

struct libusb_context { int nothing; };
struct libusb_device { int nothing; };
struct libusb_device_handle { int nothing; };

static struct libusb_context context;
static struct libusb_device device;
static struct libusb_device_handle handle;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed;
static int sock = -1;
static uint32_t sequence;

/* A transfer that the other end has. */
struct pending {
    uint32_t sequence;
    int in, done, status;
    uint32_t actual, room;
    unsigned char *data;
    struct libusb_transfer *transfer; /* asynchronous, or NULL */
    struct timespec due;
    int cancelled;
    struct pending *next;
};
static struct pending *all;

static int whole(int fd, void *data, size_t length)
{
    unsigned char *to = data;
    while (length) {
        ssize_t n = recv(fd, to, length, 0);
        if (n <= 0)
            return -1;
        to += n;
        length -= (size_t)n;
    }
    return 0;
}

static void later(struct timespec *due, unsigned ms)
{
    clock_gettime(CLOCK_MONOTONIC, due);
    due->tv_sec += ms / 1000;
    due->tv_nsec += (long)(ms % 1000) * 1000000;
    if (due->tv_nsec >= 1000000000) {
        due->tv_sec++;
        due->tv_nsec -= 1000000000;
    }
}

static int passed(const struct timespec *due)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec > due->tv_sec || (now.tv_sec == due->tv_sec && now.tv_nsec >= due->tv_nsec);
}

/* Takes in replies until the connection ends, which ends every transfer. */
static void *replies(void *nothing)
{
    (void)nothing;
    for (;;) {
        uint32_t head[12];
        if (whole(sock, head, sizeof head))
            break;
        if (ntohl(head[0]) != 3)
            continue; /* of an unlinking */
        uint32_t number = ntohl(head[1]), actual = ntohl(head[6]);
        unsigned char *data = NULL;
        pthread_mutex_lock(&lock);
        struct pending *one = all;
        while (one && one->sequence != number)
            one = one->next;
        int in = one ? one->in : 0;
        pthread_mutex_unlock(&lock);
        if (in && actual) {
            data = malloc(actual);
            if (!data || whole(sock, data, actual))
                break;
        }
        pthread_mutex_lock(&lock);
        for (one = all; one && one->sequence != number; one = one->next)
            ;
        if (one) {
            one->status = (int)ntohl(head[5]);
            one->actual = actual;
            if (data)
                memcpy(one->data, data, actual < one->room ? actual : one->room);
            one->done = 1;
        }
        pthread_cond_broadcast(&changed);
        pthread_mutex_unlock(&lock);
        free(data);
    }
    pthread_mutex_lock(&lock);
    close(sock);
    sock = -1;
    for (struct pending *one = all; one; one = one->next) {
        one->status = -ENODEV;
        one->done = 1;
    }
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    return NULL;
}

/* Attaches the device, if it is not; the lock is held. */
static int attach(void)
{
    if (sock >= 0)
        return 0;
    const char *port = getenv("WARDCARD_USBIP");
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    to.sin_port = htons((uint16_t)atoi(port ? port : "3240"));
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
    unsigned char ask[40] = { 1, 0x11, 0x80, 3, 0, 0, 0, 0, '1', '-', '1' }, answer[320];
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) ||
        send(fd, ask, sizeof ask, MSG_NOSIGNAL) != sizeof ask || whole(fd, answer, 8) ||
        answer[7] || whole(fd, answer + 8, 312)) {
        if (fd >= 0)
            close(fd);
        return LIBUSB_ERROR_NO_DEVICE;
    }
    sock = fd;
    pthread_t thread;
    if (pthread_create(&thread, NULL, replies, NULL))
        abort();
    pthread_detach(thread);
    return 0;
}

/* Submits; the lock is held. */
static struct pending *submit(int in, unsigned endpoint, const unsigned char *setup,
                              unsigned char *data, uint32_t length)
{
    if (sock < 0)
        return NULL;
    struct pending *one = calloc(1, sizeof *one);
    size_t size = 48 + (in ? 0 : length);
    unsigned char *packet = calloc(1, size);
    if (!one || !packet)
        abort();
    one->sequence = ++sequence;
    one->in = in;
    one->data = data;
    one->room = length;
    one->next = all;
    all = one;
    uint32_t words[7] = { 1, one->sequence, 0x10001, (uint32_t)in, endpoint, 0, length };
    for (int at = 0; at < 7; at++) {
        uint32_t word = htonl(words[at]);
        memcpy(packet + 4 * at, &word, 4);
    }
    if (setup)
        memcpy(packet + 40, setup, 8);
    if (!in && length)
        memcpy(packet + 48, data, length);
    if (send(sock, packet, size, MSG_NOSIGNAL) != (ssize_t)size)
        one->done = 1, one->status = -ENODEV;
    free(packet);
    return one;
}

static void unlink_transfer(const struct pending *one)
{
    unsigned char packet[48] = { 0 };
    uint32_t words[6] = { 2, ++sequence, 0x10001, 0, 0, one->sequence };
    for (int at = 0; at < 6; at++) {
        uint32_t word = htonl(words[at]);
        memcpy(packet + 4 * at, &word, 4);
    }
    if (sock >= 0)
        (void)!send(sock, packet, sizeof packet, MSG_NOSIGNAL);
}

static void drop(struct pending *one)
{
    struct pending **at = &all;
    while (*at && *at != one)
        at = &(*at)->next;
    if (*at)
        *at = one->next;
    free(one);
}

static int error(int status)
{
    return status == 0 ? 0 : status == -EPIPE ? LIBUSB_ERROR_PIPE : LIBUSB_ERROR_NO_DEVICE;
}

/* Waits for a transfer of our own; the lock is held. */
static int finish(struct pending *one, unsigned timeout, int *actual)
{
    if (!one)
        return LIBUSB_ERROR_NO_DEVICE;
    struct timespec due;
    later(&due, timeout ? timeout : 3600000);
    while (!one->done && !passed(&due))
        pthread_cond_timedwait(&changed, &lock, &due);
    int result = one->done ? error(one->status) : LIBUSB_ERROR_TIMEOUT;
    if (!one->done)
        unlink_transfer(one);
    if (actual)
        *actual = one->done ? (int)one->actual : 0;
    drop(one);
    return result;
}

int libusb_init(libusb_context **out)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&changed, &attributes);
    if (out)
        *out = &context;
    return 0;
}

void libusb_exit(libusb_context *unused) { (void)unused; }

ssize_t libusb_get_device_list(libusb_context *unused, libusb_device ***list)
{
    (void)unused;
    *list = calloc(2, sizeof **list);
    pthread_mutex_lock(&lock);
    int there = attach() == 0;
    pthread_mutex_unlock(&lock);
    if (there)
        (*list)[0] = &device;
    return there;
}

void libusb_free_device_list(libusb_device **list, int unref) { (void)unref; free(list); }

int libusb_control_transfer(libusb_device_handle *unused, uint8_t type, uint8_t request,
                            uint16_t value, uint16_t index, unsigned char *data, uint16_t length,
                            unsigned timeout)
{
    (void)unused;
    unsigned char setup[8] = { type, request, (unsigned char)value, (unsigned char)(value >> 8),
                               (unsigned char)index, (unsigned char)(index >> 8),
                               (unsigned char)length, (unsigned char)(length >> 8) };
    int actual = 0;
    pthread_mutex_lock(&lock);
    int result = attach();
    if (!result)
        result = finish(submit(type >> 7, 0, setup, data, length), timeout, &actual);
    pthread_mutex_unlock(&lock);
    return result ? result : actual;
}

int libusb_get_device_descriptor(libusb_device *unused, struct libusb_device_descriptor *out)
{
    (void)unused;
    unsigned char d[18];
    if (libusb_control_transfer(&handle, 0x80, 6, 0x100, 0, d, 18, 1000) != 18)
        return LIBUSB_ERROR_NO_DEVICE;
    memset(out, 0, sizeof *out);
    out->bLength = d[0];
    out->bDescriptorType = d[1];
    out->bcdUSB = (uint16_t)(d[2] | d[3] << 8);
    out->bMaxPacketSize0 = d[7];
    out->idVendor = (uint16_t)(d[8] | d[9] << 8);
    out->idProduct = (uint16_t)(d[10] | d[11] << 8);
    out->bcdDevice = (uint16_t)(d[12] | d[13] << 8);
    out->iManufacturer = d[14];
    out->iProduct = d[15];
    out->iSerialNumber = d[16];
    out->bNumConfigurations = d[17];
    return 0;
}

/* One interface, its class descriptor, three endpoints. */
struct held {
    struct libusb_config_descriptor configuration;
    struct libusb_interface interface;
    struct libusb_interface_descriptor setting;
    struct libusb_endpoint_descriptor endpoints[4];
    unsigned char bytes[256];
};

int libusb_get_active_config_descriptor(libusb_device *unused,
                                        struct libusb_config_descriptor **out)
{
    (void)unused;
    struct held *held = calloc(1, sizeof *held);
    int length =
        libusb_control_transfer(&handle, 0x80, 6, 0x200, 0, held->bytes, sizeof held->bytes, 1000);
    if (length < 9) {
        free(held);
        return LIBUSB_ERROR_NO_DEVICE;
    }
    struct libusb_interface_descriptor *setting = &held->setting;
    for (int at = 0; at + 2 <= length && held->bytes[at] >= 2; at += held->bytes[at]) {
        unsigned char *d = held->bytes + at;
        if (d[1] == LIBUSB_DT_INTERFACE) {
            setting->bLength = d[0];
            setting->bDescriptorType = d[1];
            setting->bInterfaceNumber = d[2];
            setting->bNumEndpoints = d[4];
            setting->bInterfaceClass = d[5];
            setting->bInterfaceSubClass = d[6];
            setting->bInterfaceProtocol = d[7];
        } else if (d[1] == LIBUSB_DT_ENDPOINT) {
            struct libusb_endpoint_descriptor *to = NULL;
            for (int count = 0; count < 4 && !to; count++)
                if (!held->endpoints[count].bLength)
                    to = &held->endpoints[count];
            if (to) {
                to->bLength = d[0];
                to->bDescriptorType = d[1];
                to->bEndpointAddress = d[2];
                to->bmAttributes = d[3];
                to->wMaxPacketSize = (uint16_t)(d[4] | d[5] << 8);
                to->bInterval = d[6];
            }
        } else if (d[1] == 0x21) {
            setting->extra = d;
            setting->extra_length = d[0];
        }
    }
    setting->endpoint = held->endpoints;
    held->interface.altsetting = setting;
    held->interface.num_altsetting = 1;
    held->configuration.bLength = 9;
    held->configuration.bNumInterfaces = 1;
    held->configuration.bConfigurationValue = 1;
    held->configuration.interface = &held->interface;
    *out = &held->configuration;
    return 0;
}

void libusb_free_config_descriptor(struct libusb_config_descriptor *held) { free(held); }

int libusb_open(libusb_device *unused, libusb_device_handle **out)
{
    (void)unused;
    pthread_mutex_lock(&lock);
    int result = attach();
    pthread_mutex_unlock(&lock);
    *out = &handle;
    return result;
}

void libusb_close(libusb_device_handle *unused)
{
    (void)unused;
    pthread_mutex_lock(&lock);
    if (sock >= 0)
        shutdown(sock, SHUT_RDWR);
    pthread_mutex_unlock(&lock);
}

int libusb_claim_interface(libusb_device_handle *h, int number) { (void)h; return number ? LIBUSB_ERROR_NOT_FOUND : 0; }
int libusb_release_interface(libusb_device_handle *h, int number) { (void)h; (void)number; return 0; }
uint8_t libusb_get_bus_number(libusb_device *d) { (void)d; return 1; }
uint8_t libusb_get_device_address(libusb_device *d) { (void)d; return 1; }
const char *libusb_error_name(int code) { (void)code; return "an error of the stand-in"; }

int libusb_get_string_descriptor_ascii(libusb_device_handle *h, uint8_t number, unsigned char *data,
                                       int length)
{
    unsigned char text[255];
    int got = libusb_control_transfer(h, 0x80, 6, (uint16_t)(0x300 | number), 0x409, text,
                                      sizeof text, 1000), at = 0;
    if (got < 0)
        return got;
    for (int from = 2; from < got && at < length - 1; from += 2)
        data[at++] = text[from];
    data[at] = 0;
    return at;
}

int libusb_bulk_transfer(libusb_device_handle *unused, unsigned char endpoint, unsigned char *data,
                         int length, int *actual, unsigned timeout)
{
    (void)unused;
    pthread_mutex_lock(&lock);
    struct pending *one = submit(endpoint >> 7, endpoint & 0xF, NULL, data, (uint32_t)length);
    int result = finish(one, timeout, actual);
    pthread_mutex_unlock(&lock);
    return result;
}

struct libusb_transfer *libusb_alloc_transfer(int packets)
{
    (void)packets;
    return calloc(1, sizeof(struct libusb_transfer));
}

void libusb_free_transfer(struct libusb_transfer *transfer) { free(transfer); }

int libusb_submit_transfer(struct libusb_transfer *transfer)
{
    pthread_mutex_lock(&lock);
    struct pending *one = submit(transfer->endpoint >> 7, transfer->endpoint & 0xF, NULL,
                                 transfer->buffer, (uint32_t)transfer->length);
    if (one) {
        one->transfer = transfer;
        later(&one->due, transfer->timeout ? transfer->timeout : 3600000);
    }
    pthread_mutex_unlock(&lock);
    return one ? 0 : LIBUSB_ERROR_NO_DEVICE;
}

int libusb_cancel_transfer(struct libusb_transfer *transfer)
{
    pthread_mutex_lock(&lock);
    struct pending *one = all;
    while (one && one->transfer != transfer)
        one = one->next;
    if (one)
        one->cancelled = 1;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    return one ? 0 : LIBUSB_ERROR_NOT_FOUND;
}

/* Calls back for one transfer that has ended, if there is one within a second. */
int libusb_handle_events_completed(libusb_context *unused, int *completed)
{
    (void)unused;
    struct timespec until;
    later(&until, 1000);
    pthread_mutex_lock(&lock);
    while (!(completed && *completed)) {
        struct timespec due = until;
        for (struct pending *one = all; one; one = one->next) {
            struct libusb_transfer *transfer = one->transfer;
            if (!transfer)
                continue;
            if (one->done || one->cancelled || passed(&one->due)) {
                transfer->status = one->done ? one->status ? LIBUSB_TRANSFER_NO_DEVICE : LIBUSB_TRANSFER_COMPLETED
                    : one->cancelled ? LIBUSB_TRANSFER_CANCELLED : LIBUSB_TRANSFER_TIMED_OUT;
                transfer->actual_length = one->done ? (int)one->actual : 0;
                if (!one->done)
                    unlink_transfer(one);
                drop(one);
                pthread_mutex_unlock(&lock);
                transfer->callback(transfer);
                return 0;
            }
            if (one->due.tv_sec < due.tv_sec ||
                (one->due.tv_sec == due.tv_sec && one->due.tv_nsec < due.tv_nsec))
                due = one->due;
        }
        if (passed(&until))
            break;
        pthread_cond_timedwait(&changed, &lock, &due);
    }
    pthread_mutex_unlock(&lock);
    return 0;
}
