/* The least that a WebKitGTK program can do: one window with a page. Prints "painted" after the first frame that shows the
   page, then each title that the page gives itself, and stays. The floor of everything that the app's windows do.

   minimal-webview [URI WIDTH HEIGHT]; without them it is as large as the prompt, with one sentence. */
#include <stdlib.h>
#include <webkit2/webkit2.h>

static void after_paint(GdkFrameClock *clock, gpointer data) {
  (void)data;
  g_signal_handlers_disconnect_by_func(clock, after_paint, data);
  g_print("painted\n");
}

static void load_changed(WebKitWebView *view, WebKitLoadEvent event, gpointer window) {
  if (event != WEBKIT_LOAD_FINISHED) return;
  GdkFrameClock *clock = gtk_widget_get_frame_clock(GTK_WIDGET(window));
  g_signal_connect(clock, "after-paint", G_CALLBACK(after_paint), NULL);
  gtk_widget_queue_draw(GTK_WIDGET(view));
}

static void titled(WebKitWebView *view, GParamSpec *property, gpointer data) {
  (void)property, (void)data;
  g_print("%s\n", webkit_web_view_get_title(view));
}

int main(int argc, char **argv) {
  gtk_init(&argc, &argv);
  setvbuf(stdout, NULL, _IOLBF, 0);
  gboolean given = argc == 4;
  GtkWidget *window = gtk_window_new(GTK_WINDOW_TOPLEVEL);
  gtk_window_set_title(GTK_WINDOW(window), "Floor");
  gtk_window_set_default_size(GTK_WINDOW(window), given ? atoi(argv[2]) : 440, given ? atoi(argv[3]) : 560);
  GtkWidget *view = webkit_web_view_new();
  g_signal_connect(view, "load-changed", G_CALLBACK(load_changed), window);
  g_signal_connect(view, "notify::title", G_CALLBACK(titled), NULL);
  g_signal_connect(window, "destroy", G_CALLBACK(gtk_main_quit), NULL);
  gtk_container_add(GTK_CONTAINER(window), view);
  if (given)
    webkit_web_view_load_uri(WEBKIT_WEB_VIEW(view), argv[1]);
  else
    webkit_web_view_load_html(WEBKIT_WEB_VIEW(view), "<h1>Send 4250.00 EUR to Meridian Supplies GmbH</h1>", NULL);
  gtk_widget_show_all(window);
  gtk_main();
  return 0;
}
