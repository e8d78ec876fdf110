/* A camera that is not there: preloaded into a program, it plays /dev/video0 at the system calls, as strictly as a driver does.
 *
 * What is held before it is the file named by CAMERA_SCENE, a grey picture of 640 x 480 (PGM, P5), read anew for each frame. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

enum { WIDTH = 640, HEIGHT = 480, STRIDE = 2 * WIDTH, FRAME = STRIDE * HEIGHT, BUFFERS = 2 };
enum { FRAME_MICROSECONDS = 50000 };

static int device = -1;
static unsigned count, streaming, formatted, next;
static int queued[BUFFERS];

static int refuse(int why) {
  errno = why;
  return -1;
}

static int opened(const char *path) {
  static const char prefix[] = "/dev/video";
  if (strncmp(path, prefix, sizeof prefix - 1) != 0) return -2;
  if (strcmp(path, "/dev/video0") != 0) return refuse(ENOENT);
  /* Its buffers are mapped from here, each at the offset that VIDIOC_QUERYBUF says. */
  device = memfd_create("camera", MFD_CLOEXEC);
  if (device >= 0 && ftruncate(device, (off_t)FRAME * BUFFERS) != 0) return -1;
  count = streaming = formatted = next = 0;
  return device;
}

int open(const char *path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  int found = opened(path);
  if (found != -2) return found;
  int (*real)(const char *, int, ...) = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open");
  return real(path, flags, mode);
}

int open64(const char *path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  int found = opened(path);
  if (found != -2) return found;
  int (*real)(const char *, int, ...) = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open64");
  return real(path, flags, mode);
}

static int draw(unsigned buffer) {
  static unsigned char grey[WIDTH * HEIGHT], frame[FRAME];
  memset(grey, 180, sizeof grey);
  const char *path = getenv("CAMERA_SCENE");
  FILE *scene = path ? fopen(path, "rb") : NULL;
  if (scene) {
    unsigned width, height, most;
    int known = fscanf(scene, "P5 %u %u %u", &width, &height, &most) == 3;
    if (!known || width != WIDTH || height != HEIGHT || most != 255) abort();
    fgetc(scene);
    if (fread(grey, 1, sizeof grey, scene) != sizeof grey) abort();
    fclose(scene);
  }
  for (int at = 0; at < WIDTH * HEIGHT; at++) {
    frame[2 * at] = grey[at];
    frame[2 * at + 1] = 128;
  }
  return pwrite(device, frame, FRAME, (off_t)FRAME * buffer) == FRAME ? 0 : -1;
}

static void describe(struct v4l2_buffer *buffer, unsigned index) {
  buffer->index = index;
  buffer->length = FRAME;
  buffer->bytesused = FRAME;
  buffer->m.offset = FRAME * index;
}

static int is_ours(const struct v4l2_buffer *buffer) {
  return buffer->type == V4L2_BUF_TYPE_VIDEO_CAPTURE && buffer->memory == V4L2_MEMORY_MMAP && buffer->index < count;
}

static int answer(unsigned long request, void *argument) {
  switch (request) {
  case VIDIOC_QUERYCAP: {
    struct v4l2_capability *is = argument;
    memset(is, 0, sizeof *is);
    strcpy((char *)is->driver, "scene");
    strcpy((char *)is->card, "Scene");
    strcpy((char *)is->bus_info, "platform:scene");
    is->device_caps = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING;
    is->capabilities = is->device_caps | V4L2_CAP_DEVICE_CAPS;
    return 0;
  }
  case VIDIOC_ENUM_FMT: {
    struct v4l2_fmtdesc *format = argument;
    if (format->type != V4L2_BUF_TYPE_VIDEO_CAPTURE || format->index > 0) return refuse(EINVAL);
    strcpy((char *)format->description, "YUYV 4:2:2");
    format->pixelformat = V4L2_PIX_FMT_YUYV;
    return 0;
  }
  case VIDIOC_S_FMT: {
    struct v4l2_format *format = argument;
    if (format->type != V4L2_BUF_TYPE_VIDEO_CAPTURE) return refuse(EINVAL);
    if (count) return refuse(EBUSY);
    /* What was asked for is bent to what there is. */
    format->fmt.pix.width = WIDTH;
    format->fmt.pix.height = HEIGHT;
    format->fmt.pix.pixelformat = V4L2_PIX_FMT_YUYV;
    format->fmt.pix.bytesperline = STRIDE;
    format->fmt.pix.sizeimage = FRAME;
    format->fmt.pix.field = V4L2_FIELD_NONE;
    formatted = 1;
    return 0;
  }
  case VIDIOC_REQBUFS: {
    struct v4l2_requestbuffers *wanted = argument;
    int ours = wanted->type == V4L2_BUF_TYPE_VIDEO_CAPTURE && wanted->memory == V4L2_MEMORY_MMAP;
    if (!ours || !formatted) return refuse(EINVAL);
    count = wanted->count < BUFFERS ? wanted->count : BUFFERS;
    wanted->count = count;
    return 0;
  }
  case VIDIOC_QUERYBUF:
    if (!is_ours(argument)) return refuse(EINVAL);
    describe(argument, ((struct v4l2_buffer *)argument)->index);
    return 0;
  case VIDIOC_QBUF: {
    struct v4l2_buffer *buffer = argument;
    if (!is_ours(buffer) || queued[buffer->index]) return refuse(EINVAL);
    queued[buffer->index] = 1;
    return 0;
  }
  case VIDIOC_DQBUF: {
    struct v4l2_buffer *buffer = argument;
    if (!streaming || !count) return refuse(EINVAL);
    usleep(FRAME_MICROSECONDS);
    for (unsigned tried = 0; tried < count; tried++, next++) {
      unsigned index = next % count;
      if (!queued[index]) continue;
      queued[index] = 0;
      next++;
      memset(buffer, 0, sizeof *buffer);
      buffer->type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
      buffer->memory = V4L2_MEMORY_MMAP;
      describe(buffer, index);
      return draw(index);
    }
    /* A driver would wait for a buffer that nobody gives it. */
    abort();
  }
  case VIDIOC_STREAMON:
  case VIDIOC_STREAMOFF:
    if (*(int *)argument != V4L2_BUF_TYPE_VIDEO_CAPTURE || !count) return refuse(EINVAL);
    streaming = request == VIDIOC_STREAMON;
    if (!streaming) memset(queued, 0, sizeof queued);
    return 0;
  default:
    return refuse(ENOTTY);
  }
}

int ioctl(int file, unsigned long request, ...) {
  va_list rest;
  va_start(rest, request);
  void *argument = va_arg(rest, void *);
  va_end(rest);
  if (device >= 0 && file == device) return answer(request, argument);
  int (*real)(int, unsigned long, ...) = (int (*)(int, unsigned long, ...))dlsym(RTLD_NEXT, "ioctl");
  return real(file, request, argument);
}
