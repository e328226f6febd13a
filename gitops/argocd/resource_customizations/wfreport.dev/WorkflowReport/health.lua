-- Ready is about the report, not about the run: a run that failed or hangs leaves its report healthy.
local status = obj.status or {}
if obj.spec ~= nil and obj.metadata.generation ~= nil and status.observedGeneration ~= nil
    and status.observedGeneration < obj.metadata.generation then
  return {status = "Progressing", message = "Waiting for the operator to read the report's spec"}
end
for _, condition in ipairs(status.conditions or {}) do
  if condition.type == "Ready" then
    if condition.status == "True" then
      return {status = "Healthy", message = status.summary or condition.message}
    elseif condition.status == "False" and condition.reason ~= "ArchiveBeingRead" then
      return {status = "Degraded", message = condition.reason .. ": " .. (condition.message or "")}
    end
    return {status = "Progressing", message = condition.message}
  end
end
return {status = "Progressing", message = "Waiting for the operator to write the report"}
