// The operators that a good Go developer would write with controller-runtime, as peers of the benchmark.
//
// By default the informer holds whole Workflows. With --metadata-only it holds their metadata, and the reconciler reads
// a Workflow when it needs it. Both write phase, counts and failed pods: less than wfreport writes.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

const (
	progressInterval = 10 * time.Second
	workers          = 8
	completedLabel   = "workflows.argoproj.io/completed"
)

var (
	workflowKind = schema.GroupVersionKind{Group: "argoproj.io", Version: "v1alpha1", Kind: "Workflow"}
	reportKind   = schema.GroupVersionKind{Group: "wfreport.dev", Version: "v1alpha1", Kind: "WorkflowReport"}
)

type object = map[string]any

// pacer remembers when the report of each running Workflow was written.
type pacer struct {
	mutex   sync.Mutex
	written map[types.UID]time.Time
}

func (p *pacer) untilNext(uid types.UID) time.Duration {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if _, known := p.written[uid]; !known {
		p.written[uid] = time.Now()
	}
	return time.Until(p.written[uid].Add(progressInterval))
}

func (p *pacer) wrote(uid types.UID) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.written[uid] = time.Now()
}

func (p *pacer) forget(uid types.UID) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	delete(p.written, uid)
}

// reconciler writes the report of one Workflow: at once when it ends, every ten seconds while it runs.
type reconciler struct {
	client.Client
	uncached     client.Reader
	metadataOnly bool
	pacer        pacer
}

func (r *reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	known := r.cachedType()
	if err := r.Get(ctx, request.NamespacedName, known); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	report, err := r.reportOf(ctx, known)
	if err != nil {
		return ctrl.Result{}, err
	}
	if phase, _, _ := unstructured.NestedString(report.Object, "status", "observedWorkflow", "phase"); hasEnded(phase) {
		r.pacer.forget(known.GetUID())
		return ctrl.Result{}, nil
	}
	if known.GetLabels()[completedLabel] != "true" {
		if wait := r.pacer.untilNext(known.GetUID()); wait > 0 {
			return ctrl.Result{RequeueAfter: wait}, nil
		}
	}
	workflow, isWhole := known.(*unstructured.Unstructured)
	if !isWhole {
		workflow = empty(workflowKind)
		if err := r.uncached.Get(ctx, request.NamespacedName, workflow); err != nil {
			return ctrl.Result{}, client.IgnoreNotFound(err)
		}
	}
	return r.write(ctx, workflow, report)
}

// write patches the status of the report.
func (r *reconciler) write(ctx context.Context, workflow, report *unstructured.Unstructured) (ctrl.Result, error) {
	status, _ := workflow.Object["status"].(object)
	patch, err := json.Marshal(object{"status": summary(status)})
	if err != nil {
		return ctrl.Result{}, err
	}
	if err := r.Status().Patch(ctx, report, client.RawPatch(types.MergePatchType, patch)); err != nil {
		return ctrl.Result{}, err
	}
	if hasEnded(text(status, "phase")) {
		r.pacer.forget(workflow.GetUID())
		return ctrl.Result{}, nil
	}
	r.pacer.wrote(workflow.GetUID())
	return ctrl.Result{RequeueAfter: progressInterval}, nil
}

// reportOf returns the report from the cache, or creates it.
func (r *reconciler) reportOf(ctx context.Context, workflow client.Object) (*unstructured.Unstructured, error) {
	report := empty(reportKind)
	err := r.Get(ctx, client.ObjectKeyFromObject(workflow), report)
	if !errors.IsNotFound(err) {
		return report, err
	}
	report.SetNamespace(workflow.GetNamespace())
	report.SetName(workflow.GetName())
	report.Object["spec"] = object{"workflowRef": object{"name": workflow.GetName(), "uid": string(workflow.GetUID())}}
	if err := r.Create(ctx, report); err != nil && !errors.IsAlreadyExists(err) { // the cache may be behind
		return nil, err
	}
	return report, nil
}

func (r *reconciler) cachedType() client.Object {
	if !r.metadataOnly {
		return empty(workflowKind)
	}
	metadata := &metav1.PartialObjectMetadata{}
	metadata.SetGroupVersionKind(workflowKind)
	return metadata
}

// summary returns the phase, the counts and the failed pods, in the fields of a WorkflowReport.
func summary(status object) object {
	phases, failures := map[string]int{}, []object{}
	nodes, _ := status["nodes"].(object)
	for id, value := range nodes {
		node, _ := value.(object)
		phase := text(node, "phase")
		phases[phase]++
		if text(node, "type") == "Pod" && (phase == "Failed" || phase == "Error") {
			failures = append(failures, failure(id, node))
		}
	}
	observed := object{}
	for _, name := range []string{"phase", "message", "startedAt", "finishedAt"} {
		if value := text(status, name); value != "" {
			observed[name] = value
		}
	}
	counts := object{"total": len(nodes), "errored": phases["Error"], "retriedAttempts": 0, "memoized": 0}
	for _, phase := range []string{"Succeeded", "Failed", "Running", "Pending", "Skipped", "Omitted"} {
		counts[strings.ToLower(phase)] = phases[phase]
	}
	return object{"observedWorkflow": observed, "counts": counts, "failures": failures}
}

// failure returns a failed pod, with the fewest fields that the schema accepts.
func failure(id string, node object) object {
	found := object{
		"role": "RootCause", "class": "Unknown", "owner": "User", "retryable": false, "confidence": "Low",
		"podName": id, "displayName": text(node, "displayName"), "message": text(node, "message"),
	}
	outputs, _ := node["outputs"].(object)
	if code, err := strconv.Atoi(text(outputs, "exitCode")); err == nil {
		found["exitCode"] = code
	}
	return found
}

func hasEnded(phase string) bool {
	return phase == "Succeeded" || phase == "Failed" || phase == "Error"
}

func text(from object, name string) string {
	value, _ := from[name].(string)
	return value
}

func empty(kind schema.GroupVersionKind) *unstructured.Unstructured {
	made := &unstructured.Unstructured{Object: object{}}
	made.SetGroupVersionKind(kind)
	return made
}

func run(metadataOnly bool) error {
	config, err := ctrl.GetConfig()
	if err != nil {
		return err
	}
	config.QPS, config.Burst = 1000, 2000 // the default of 20 requests a second would be measured instead
	manager, err := ctrl.NewManager(config, ctrl.Options{
		Metrics: server.Options{BindAddress: "0"},
		Client:  client.Options{Cache: &client.CacheOptions{Unstructured: true}},
	})
	if err != nil {
		return err
	}
	r := &reconciler{
		Client:       manager.GetClient(),
		uncached:     manager.GetAPIReader(),
		metadataOnly: metadataOnly,
		pacer:        pacer{written: map[types.UID]time.Time{}},
	}
	options := []builder.ForOption{}
	if metadataOnly {
		options = append(options, builder.OnlyMetadata)
	}
	err = ctrl.NewControllerManagedBy(manager).
		Named("wfreport").
		WithOptions(controller.Options{MaxConcurrentReconciles: workers}).
		For(r.cachedType(), options...).
		Complete(r)
	if err != nil {
		return err
	}
	return manager.Start(ctrl.SetupSignalHandler())
}

func main() {
	metadataOnly := flag.Bool("metadata-only", false, "hold the metadata of Workflows, and read them when needed")
	flag.Parse() // --kubeconfig and $KUBECONFIG are read by controller-runtime
	ctrl.SetLogger(zap.New())
	if err := run(*metadataOnly); err != nil {
		ctrl.Log.Error(err, "the peer has ended")
		os.Exit(1)
	}
}
